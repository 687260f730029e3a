import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const console_ = "http://127.0.0.1:8300";

export default defineConfig({
  // Relative, so that the page works below any prefix that a proxy puts before the console.
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/socketscope/console/page",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // The licences of what is bundled travel with the bundle.
    license: { fileName: "licenses.md" },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/monitoring": { target: console_, ws: true }, "/session": { target: console_ } },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
  },
});
