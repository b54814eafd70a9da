/** Keeps a number and its unit, or other words, on one line when text wraps: "99.3 %". */
export function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}
