import { expect, test } from "vitest";
import { layerWithout } from "../../transformer/component.ts";
import type { SearchUnit } from "../search-units.ts";
import type { LayerChoice, LayerTrial } from "./layer-trial.ts";
import { createLookahead, lessUnit } from "./lookahead.ts";
import type { Upper } from "./upper.ts";

const layer = 7;
const headsOf = (...heads: readonly number[]): readonly SearchUnit[] =>
  heads.map((head) => [{ kind: "head", layer, head }]);
const mlp: SearchUnit = [{ kind: "mlp", layer }];
// The fake trial looks neither at what is above nor at constants.
const upper = {} as Upper;
const constant = {} as LayerChoice["constant"];

/** One prompt whose KL is what the components that are out cost together. */
function trialOf(costs: readonly number[], mlpCost = 0) {
  const asked: string[] = [];
  const start: LayerChoice = { constant, heads: costs.map((_, head) => head), mlp: true };
  const trial: Required<Pick<LayerTrial, "less" | "klOfEach">> = {
    less: layerWithout,
    async klOfEach(choices) {
      asked.push(choices.map(({ heads, mlp }) => `${heads.join("")}${mlp ? "m" : ""}`).join(" "));
      return choices.map(({ heads, mlp }) =>
        Float64Array.of(
          costs.reduce((sum, cost, head) => sum + (heads.includes(head) ? 0 : cost), mlp ? 0 : mlpCost),
        ),
      );
    },
  };
  return { trial, start, asked };
}

test("a path of heads that go; what is behind a head that stays is asked anew", async () => {
  const { trial, start, asked } = trialOf([0.25, 3, 0.5, 2, 0.125], 0.5);
  const goes = (_: number, delta: number) => delta < 1;
  const lookahead = createLookahead(undefined, { kl: 0, goes });
  const tried = [...headsOf(0, 1, 2, 3, 4), mlp];
  let [choice, current] = [start, 0];
  const decisions: string[] = [];
  for (const [index, component] of tried.entries()) {
    const [kl = Number.NaN] = (await lookahead.kl(trial, choice, tried.slice(index), upper)) ?? [];
    const pruned = goes(kl, kl - current);
    lookahead.decided(pruned, Float64Array.of(kl));
    decisions.push(`${kl} ${pruned ? "pruned" : "kept"}`);
    if (pruned) [choice, current] = [lessUnit(trial, choice, component), kl];
  }
  // With what went before: 0.25; 0.25 + 3; 0.25 + 0.5; 0.75 + 2; 0.75 + 0.125; 0.875 + 0.5.
  const expected = ["0.25 pruned", "3.25 kept", "0.75 pruned", "2.75 kept", "0.875 pruned", "1.375 pruned"];
  expect(decisions).toEqual(expected);
  expect(asked).toEqual([
    // All are expected to go, one after the other.
    "1234m 234m 34m 4m m",
    // Head 1 stayed. The path that was left showed that head 3 costs 2, so head 4 is tried beside it.
    "134m 14m 13m",
    "13",
  ]);
});

test("a head that was expected to stay and goes", async () => {
  const { trial, start, asked } = trialOf([2, 2, 0.5, 0.25]);
  const lookahead = createLookahead(undefined, { kl: 0, goes: (_, delta) => delta < 1 });
  await lookahead.kl(trial, start, headsOf(0, 1, 2, 3), upper);
  lookahead.decided(false, Float64Array.of(2));
  await lookahead.kl(trial, start, headsOf(1, 2, 3), upper);
  // The caller decides otherwise than it was expected to.
  lookahead.decided(true, Float64Array.of(2));
  await lookahead.kl(trial, trial.less(start, { kind: "head", layer, head: 1 }), headsOf(2, 3), upper);
  expect(asked).toEqual(["123m 23m 3m m", "023m 013m 01m", "03m 0m"]);
});

test("without an expectation every head is expected to go, again and again", async () => {
  const { trial, start, asked } = trialOf([2, 2, 2]);
  const lookahead = createLookahead(undefined, undefined);
  await lookahead.kl(trial, start, headsOf(0, 1, 2), upper);
  lookahead.decided(false, Float64Array.of(2));
  await lookahead.kl(trial, start, headsOf(1, 2), upper);
  expect(asked).toEqual(["12m 2m m", "02m 0m"]);
});

test("decisions that were taken over ask for nothing", async () => {
  const { trial, start, asked } = trialOf([0.5, 2, 0.5]);
  const lookahead = createLookahead(undefined, { kl: 0, goes: () => true });
  lookahead.decided(true, undefined);
  lookahead.decided(false, undefined);
  const choice = trial.less(start, { kind: "head", layer, head: 0 });
  expect(await lookahead.kl(trial, choice, headsOf(2), upper)).toEqual(Float64Array.of(1));
  expect(asked).toEqual(["1m"]);
});

test("where nothing is tried together, nothing is foreseen", async () => {
  const { trial, start } = trialOf([1, 1]);
  const lookahead = createLookahead(undefined, undefined);
  expect(await lookahead.kl({ less: trial.less }, start, headsOf(0, 1), upper)).toBeUndefined();
});
