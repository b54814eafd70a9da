/** The list of rankings. To add one, write its file beside this one and list it here. */
import { PithError } from "../../errors.ts";
import { exact } from "./exact.ts";
import { fisher } from "./fisher.ts";
import { inputsIg } from "./inputs-ig.ts";
import { maskIg, maskIgWeighted } from "./mask-ig.ts";
import { nap } from "./nap.ts";
import { random } from "./random.ts";
import type { Ranking } from "./ranking.ts";
import { relp } from "./relp.ts";
import { wifv } from "./wifv.ts";

/** All rankings. */
export const rankings: readonly Ranking[] = [
  fisher,
  nap,
  maskIg,
  maskIgWeighted,
  inputsIg,
  relp,
  exact,
  random,
  wifv,
];

/** @param field the option's name for the user. @throws PithError "options" if there is no such ranking. */
export function rankingNamed(name: string, field = "ranking"): Ranking {
  const found = rankings.find((ranking) => ranking.name === name);
  if (found !== undefined) return found;
  throw new PithError("options", `there is no ranking named ${JSON.stringify(name.slice(0, 40))}.`, {
    place: { field },
    advice: `There are ${rankings.map((ranking) => ranking.name).join(", ")}.`,
  });
}
