/** What is said of a size–KL curve wherever it is shown: its prompts, and the ranking that it follows. */
import type { CircuitFile } from "../export/circuit-file.ts";
import type { SizeCurvePoint } from "../export/size-curve-record.ts";

export type CurvedCircuit = Pick<CircuitFile, "curve" | "search">;

/** The test prompts, which chose nothing, where all cuts were measured on them. */
export function curveSplit(curve: readonly SizeCurvePoint[]): "test" | "validation" {
  return curve.every(({ kl }) => kl.test !== undefined) ? "test" : "validation";
}

/** "the learned ranking", "the fisher ranking". */
export function rankingText({ search }: Pick<CircuitFile, "search">): string {
  const { ranking } = search.options;
  return `the ${typeof ranking === "string" ? ranking : search.name} ranking`;
}
