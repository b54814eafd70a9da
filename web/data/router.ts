/**
 * The current page as the address's fragment gives it, so that deep links and the back button work without a
 * request to the server.
 */
import { computed, signal } from "@preact/signals";

export type Route =
  | { readonly page: "start" }
  | { readonly page: "runs" }
  | { readonly page: "run"; readonly id: string; readonly tab: RunTab }
  | { readonly page: "unknown" };

export type RunTab = "watch" | "understand" | "compare" | "take";

const fragment = signal(location.hash);
addEventListener("hashchange", () => {
  fragment.value = location.hash;
});

export const route = computed((): Route => parseRoute(fragment.value));

function parseRoute(hash: string): Route {
  const [first = "", id = "", tab = "watch", ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (rest.length > 0) return { page: "unknown" };
  if (first === "" && id === "") return { page: "start" };
  if (first === "runs" && id === "") return { page: "runs" };
  if (first === "runs" && isTab(tab)) return { page: "run", id: decode(id), tab };
  return { page: "unknown" };
}

export function runPath(id: string, tab: RunTab = "watch"): string {
  return `#/runs/${encodeURIComponent(id)}${tab === "watch" ? "" : `/${tab}`}`;
}

export function go(path: string): void {
  location.hash = path;
}

function isTab(text: string): text is RunTab {
  return ["watch", "understand", "compare", "take"].includes(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
