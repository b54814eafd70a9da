import { expect, test } from "vitest";
import { PithError } from "../../errors.ts";
import { estimateShare } from "../../measure/share-estimate.ts";
import { preflightFindings, refuseUnfit } from "./preflight-findings.ts";
import type { Preflight } from "./preflight-result.ts";

type Observed = Omit<Preflight, "findings">;

/** @param right of 100 validation and 100 test prompts. */
function observed(
  right: readonly [validation: number, test: number],
  more: Partial<Observed> = {},
): Observed {
  const split = { examples: 100, differentPrompts: 100 };
  return {
    task: "t",
    splits: {
      patching: split,
      validation: { ...split, original: estimateShare(right[0], 100) },
      test: { ...split, original: estimateShare(right[1], 100) },
    },
    original: estimateShare(right[0] + right[1], 200),
    answerTokens: [{ tokens: 1, answers: 2 }],
    promptsEndingInSpace: 0,
    repeatedLines: 0,
    seenTestPrompts: 0,
    ...more,
  };
}

const codes = (one: Observed) =>
  preflightFindings(one, undefined).map(({ code, severity }) => `${severity} ${code}`);

test.each([
  [[100, 100], undefined, []],
  [[0, 80], undefined, ["refusal zero-accuracy"]],
  [[80, 0], undefined, ["refusal zero-accuracy"]],
  [[40, 40], undefined, ["warning low-accuracy"]],
  // Wilson: 114 of 200 reaches down to 50.06 %, 113 to 49.57 %.
  [[57, 57], 0.5, []],
  [[57, 56], 0.5, ["refusal at-chance"]],
  // Worse than a guess is no better.
  [[20, 20], 0.5, ["refusal at-chance"]],
  [[40, 40], 0.25, []],
] as const)("%j of 100 each, where a guess is right on %s, give %j", (right, chance, expected) => {
  expect(codes(observed(right, chance === undefined ? {} : { chance }))).toEqual(expected);
});

test.each([
  // The other way is likelier on most prompts, and right more often.
  [{ compared: 10, otherLikelier: 6, other: estimateShare(9, 10) }, ["warning answer-spelling"]],
  // It is likelier, but no more often right, or not likelier.
  [{ compared: 10, otherLikelier: 6, other: estimateShare(5, 10) }, ["note answer-spelling"]],
  [{ compared: 10, otherLikelier: 5 }, []],
  // It can't be measured.
  [{ compared: 10, otherLikelier: 6 }, ["warning answer-spelling"]],
] as const)("of spellings %j", (measured, expected) => {
  const spelling = { example: { written: "Mary", other: " Mary" }, ...measured };
  expect(codes(observed([60, 60], { spelling }))).toEqual(expected);
});

test("a refusal is one unless weak originals are allowed, a warning only under strict checks", () => {
  const refuse = (one: Observed, strict: boolean, allowWeak: boolean) => () =>
    refuseUnfit(
      { ...one, findings: preflightFindings(one, undefined) },
      { strict, allowWeak },
      { file: "t.jsonl" },
    );
  const weak = observed([0, 0]);
  const warned = observed([40, 40]);
  expect(refuse(weak, false, false)).toThrow(PithError);
  expect(refuse(weak, false, false)).toThrow(
    "t.jsonl: The original is right on none of the 100 validation prompts and 100 test prompts that it was asked.",
  );
  expect(refuse(weak, false, true)).not.toThrow();
  expect(refuse(warned, false, false)).not.toThrow();
  expect(refuse(warned, true, true)).toThrow(
    "right on 40.0 % of 200 prompts (95 % interval 33.5 % to 46.9 %) only",
  );
  expect(refuse(observed([100, 100]), true, false)).not.toThrow();
});
