/** In words: how a circuit's constants were fitted, and what that means. */
import type { ConstantsRecord } from "./constants-record.ts";

/** "fitted constants", or "constants fitted with the masks": follows the means in a list. */
export function constantsText({ kind }: Pick<ConstantsRecord, "kind">): string {
  switch (kind) {
    case "fitted":
      return "fitted constants";
    case "joint":
      return "constants fitted with the masks";
  }
}

/** What such a circuit may be taken for. */
export const constantsWarning =
  "Fitted constants make a good model, and no evidence of a mechanism: they may do what pruned components did.";
