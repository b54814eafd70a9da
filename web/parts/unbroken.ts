/** A number and its unit, or any words that must stay on one line where text wraps: "99.3 %". */
export function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}
