import { useSyncExternalStore } from "react";

const query = "(prefers-color-scheme: dark)";

function subscribe(onChange: () => void): () => void {
  const list = matchMedia(query);
  list.addEventListener("change", onChange);
  return () => {
    list.removeEventListener("change", onChange);
  };
}

/** Whether the page is dark now; a canvas has to be told, CSS knows by itself. */
export function useDarkScheme(): boolean {
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}
