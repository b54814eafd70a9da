/** Whether the choice of how pooled means treat the first position fits the other options. */

import { PithError } from "../errors.ts";
import { type FirstPositionChoice, firstPositionChoices } from "./first-position.ts";

/**
 * @param firstPosition as it was given; undefined: it was not.
 * @throws PithError "options" for a value that is none, or where nothing has such means.
 */
export function checkFirstPosition(
  {
    firstPosition,
    means,
    ablations,
  }: {
    readonly firstPosition: FirstPositionChoice | undefined;
    readonly means: "aligned" | "pooled";
    readonly ablations: readonly ("mean" | "zero")[];
  },
  nameOf: (option: string) => string = (option) => option,
): void {
  if (firstPosition === undefined) return;
  const field = nameOf("firstPosition");
  if (!firstPositionChoices.includes(firstPosition))
    throw new PithError("options", `is ${String(firstPosition)}, but must be auto, apart or same.`, {
      place: { field },
    });
  if (!ablations.includes("mean")) {
    throw new PithError("options", "is for mean ablation: under zero ablation there are no means.", {
      place: { field },
      advice: "Leave it out.",
    });
  }
  if (means === "aligned") {
    throw new PithError("options", "is for pooled means: aligned means treat every position apart.", {
      place: { field },
      advice: `Leave it out, or give ${nameOf("means")} pooled as well.`,
    });
  }
}
