/**
 * The colours of everything that is shown in a browser, once for light and once for dark: reports, the studio and
 * shared sites. The KL scale is ColorBrewer's YlGnBu (made for colour-blind readers), reversed on dark pages so
 * that larger values always have more contrast. Blue and vermilion are Okabe and Ito's. No information is given
 * by colour alone.
 */

type Pair = readonly [light: string, dark: string];

const colours = {
  page: ["#fbfaf8", "#14171a"],
  card: ["#ffffff", "#1b1f24"],
  tint: ["#f3f1ec", "#22272d"],
  ink: ["#1f2328", "#e6e4df"],
  soft: ["#5b6169", "#a3a9b1"],
  line: ["#e3e0da", "#2d333a"],
  "line-strong": ["#85827a", "#727b85"],
  /** Also the colour of the circuit wherever it is compared with its original. */
  accent: ["#00639c", "#7cc4f2"],
  "on-accent": ["#ffffff", "#0d1a24"],
  "accent-tint": ["#e8f1f8", "#1c2e3b"],
  good: ["#00795a", "#35c79a"],
  bad: ["#a84300", "#ff9a5c"],
  "bad-tint": ["#fdf1e9", "#33241b"],
  plus: ["#0072b2", "#56b4e9"],
  minus: ["#c25400", "#ff8c4b"],
  "mean-ablation": ["#0072b2", "#56b4e9"],
  "zero-ablation": ["#d55e00", "#ff8c4b"],
  "kl-0": ["#f4f3c6", "#263248"],
  "kl-1": ["#c7e9b4", "#2b4f8a"],
  "kl-2": ["#7fcdbb", "#2c7fb8"],
  "kl-3": ["#41b6c4", "#41b6c4"],
  "kl-4": ["#2c7fb8", "#a1dab4"],
  "kl-5": ["#253494", "#ffffcc"],
} as const satisfies Readonly<Record<string, Pair>>;

export type PageColour = keyof typeof colours;

/** For a file of its own, which states every colour. */
export function lightColour(name: PageColour): string {
  return colours[name][0];
}

/** For a picture that may be in a page or alone: it follows the page, and is light elsewhere. */
export function pageColour(name: PageColour): string {
  return `var(--${name}, ${lightColour(name)})`;
}

function properties(value: (pair: Pair) => string): string {
  return Object.entries(colours)
    .map(([name, pair]) => `--${name}: ${value(pair)};`)
    .join(" ");
}

/** Custom properties that follow the reader's preference, also in browsers without `light-dark()`. */
export const preferredColours = `
:root { color-scheme: light dark; ${properties(([light]) => light)} }
@media (prefers-color-scheme: dark) { :root { ${properties(([, dark]) => dark)} } }
`;

/**
 * Custom properties that follow `color-scheme`, so that a page can let its reader choose. vite.config.ts adds
 * them.
 * @internal
 */
export const schemeColours = `
:root { color-scheme: light dark; ${properties(([light, dark]) => `light-dark(${light}, ${dark})`)} }
`;
