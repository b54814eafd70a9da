/** Random scores, to compare rankings with. */
import { createRandom } from "../../tasks/random.ts";
import { uniformGates } from "../../transformer/gates.ts";
import { mapGates } from "../../transformer/map-gates.ts";
import type { Ranking } from "./ranking.ts";

export const random: Ranking = {
  name: "random",
  estimates: "Nothing: scores are drawn from 0 to 1 by the seed, for comparison with the other rankings.",
  fails: "It always fails; a ranking that does no better tells nothing.",
  scores: ["heads", "mlps", "neurons"],
  losses: [],
  async score({ gated, of, seed }) {
    const { nextUint32 } = createRandom(seed);
    const all = uniformGates(gated.shape, 0);
    return mapGates(Object.fromEntries(of.map((kind) => [kind, all[kind]])), () => nextUint32() / 2 ** 32);
  },
};
