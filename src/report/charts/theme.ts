/**
 * Colours of charts. In a file of its own a chart states every colour, so that it reads the same in any viewer
 * and on any background; in a page it takes the page's custom properties and follows light and dark. Blue
 * and vermilion are Okabe and Ito's: they stay apart under the common kinds of colour blindness, and dashes
 * and shapes say the same again.
 */

export interface ChartTheme {
  readonly background: string;
  readonly ink: string;
  readonly soft: string;
  readonly grid: string;
  readonly mean: string;
  readonly zero: string;
}

export const fileTheme: ChartTheme = {
  background: "#ffffff",
  ink: "#1f2328",
  soft: "#5b6169",
  grid: "#e3e0da",
  mean: "#0072b2",
  zero: "#d55e00",
};

export const pageTheme: ChartTheme = {
  background: "var(--card, #ffffff)",
  ink: "var(--ink, #1f2328)",
  soft: "var(--soft, #5b6169)",
  grid: "var(--line, #e3e0da)",
  mean: "var(--mean-ablation, #0072b2)",
  zero: "var(--zero-ablation, #d55e00)",
};

/** What a page that shows charts adds to its style: the properties that the shared sheet lacks. */
export const chartStyle = `
:root { --mean-ablation: #0072b2; --zero-ablation: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --mean-ablation: #56b4e9; --zero-ablation: #ff8c4b; } }
`;
