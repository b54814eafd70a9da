/** Light, dark, or the system's theme; the choice is stored in the browser. */
import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const key = "pith-theme";
export const theme = signal<Theme>(stored());
apply(theme.value);

export function chooseTheme(next: Theme): void {
  theme.value = next;
  apply(next);
  try {
    localStorage.setItem(key, next);
  } catch {
    // The theme changes even if the browser stores nothing.
  }
}

function apply(next: Theme): void {
  if (next === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto";
  }
}
