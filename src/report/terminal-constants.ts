/** What a terminal says of fitted constants: how they were trained, and the KL without them. */
import type { ConstantsRecord } from "../export/constants-record.ts";
import { constantsWarning } from "../export/constants-text.ts";
import { formatKl, plural } from "./format.ts";
import type { Row } from "./layout.ts";

/** No row for a circuit of means. */
export function constantsRows(constants: ConstantsRecord | undefined): readonly Row[] {
  if (constants === undefined) return [];
  const { kind, vectors, best, prompts, plain } = constants;
  const when = kind === "joint" ? "with the masks, and then to the circuit" : "to the finished circuit";
  const plainKl = (["test", "validation"] as const).flatMap((split) => {
    const kl = plain.kl[split];
    return kl === undefined ? [] : [`${formatKl(kl)} on the ${split} prompts`];
  });
  return [
    [
      "constants",
      `${plural(vectors, "vector")} fitted ${when}: best after ${plural(best, "step")} on ${plural(prompts.learned, "prompt")}, by ${prompts.held} held back`,
      `under plain means its KL is ${plainKl.join(" and ")}`,
      constantsWarning,
    ],
  ];
}
