import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./theme.css";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The next question is the retry; a wall screen has no focus; a console on loopback needs no network.
      retry: false,
      refetchIntervalInBackground: true,
      networkMode: "always",
      structuralSharing: false,
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
