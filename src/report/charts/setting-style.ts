/**
 * The appearance of a setting in every figure: colour and shape by ablation, dashes where MLPs may be pruned, as
 * in the paper.
 */
import { type Setting, settingName } from "../../experiments/paper-settings.ts";
import type { LegendEntry } from "./plot-to-svg.ts";
import type { ChartTheme } from "./theme.ts";

const dashes = "6 4";

export function settingLegend(
  settings: readonly Setting[],
  theme: ChartTheme,
  { symbols = false }: { readonly symbols?: boolean } = {},
): readonly LegendEntry[] {
  return settings.map((setting) => ({
    label: settingName(setting),
    colour: theme[setting.ablation],
    ...(setting.mlps && { dash: dashes }),
    ...(symbols && { symbol: symbolOf(setting) }),
  }));
}

export function symbolOf({ ablation }: Pick<Setting, "ablation">): "circle" | "triangle" {
  return ablation === "mean" ? "circle" : "triangle";
}

export function dashOf({ mlps }: Pick<Setting, "mlps">): string | undefined {
  return mlps ? dashes : undefined;
}

/** A panel of a chart: curves, and the name of their source. */
export interface Panel<Curves> {
  /** "Pith: nano", "published: GPT-2 small". */
  readonly name: string;
  readonly curves: Curves;
}

/** A share in percent, limited to an axis from 0 to 100. */
export function percentWithin(share: number): number {
  return 100 * Math.min(1, Math.max(0, share));
}
