/** Light, dark, or as the system has it; the choice outlives the page. */
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
    // A browser that keeps nothing still shows it.
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
