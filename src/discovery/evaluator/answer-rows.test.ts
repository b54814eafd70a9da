import { describe, expect, test } from "vitest";
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import type { Batch } from "../batch.ts";
import { answerRows, gatherRows, joinByPosition, joinEverywhere, meanOfEach } from "./answer-rows.ts";

const batch = (members: readonly number[], length: number): Batch => ({
  members,
  length,
  ids: members.map(() => Array.from({ length }, () => 0)),
});
/** Prompts 0 and 2 have three tokens, prompt 1 has two. */
const batches = [batch([0, 2], 3), batch([1], 2)];

describe("answerRows", () => {
  test("one row a prompt by default", () => {
    expect(answerRows(batches, undefined)).toEqual({
      ofPrompt: [
        { start: 0, end: 1, length: 3 },
        { start: 1, end: 2, length: 2 },
        { start: 2, end: 3, length: 3 },
      ],
      count: 3,
      several: false,
      first: false,
    });
  });

  test("as many rows as the answer has tokens", () => {
    const { ofPrompt, count, several, first } = answerRows(batches, [2, 1, 3]);
    expect(ofPrompt.map(({ start, end }) => [start, end])).toEqual([
      [0, 2],
      [2, 3],
      [3, 6],
    ]);
    // All positions of prompt 2 are its answer's, the first too.
    expect({ count, several, first }).toEqual({ count: 6, several: true, first: true });
  });

  test.each([
    [[1, 1], "2 counts of answer positions for 3 prompts"],
    [[1, 3, 1], "prompt 1 can't have 3 answer positions"],
    [[0, 1, 1], "prompt 0 can't have 0 answer positions"],
  ])("refuses %j", (scored, message) => {
    expect(() => answerRows(batches, scored)).toThrow(new RangeError(message));
  });
});

/** Tensors are their own values. */
const runtime = {
  readFloats: async (tensor: unknown) => Float32Array.from(tensor as readonly number[]),
} as unknown as Runtime;
const tensor = (...values: number[]) => values as unknown as DeviceTensor;

test("gatherRows takes each prompt's last positions, candidate by candidate, in the order of the set", async () => {
  const rows = answerRows(batches, [2, 1, 1]);
  // Width 1. In a batch: candidate 0's prompts, then candidate 1's.
  const residual = [tensor(1, 2, 3, 21, 22, 23, 101, 102, 103, 121, 122, 123), tensor(11, 12, 111, 112)];
  const gathered = await gatherRows(runtime, rows, 1, residual, batches, 2);
  expect(gathered.map((each) => [...each])).toEqual([
    [2, 3, 12, 23],
    [102, 103, 112, 123],
  ]);
});

test("a constant joins by position, or its last row joins everywhere", () => {
  const rows = answerRows([batch([0, 2, 1], 3)], [2, 1, 1]);
  const constant = {
    rows: { kind: "each", length: 3 } as const,
    width: 1,
    values: Float64Array.of(100, 200, 300),
  };
  const byPosition = Float32Array.of(1, 2, 3, 4);
  joinByPosition(byPosition, constant, rows);
  expect([...byPosition]).toEqual([201, 302, 303, 304]);
  const everywhere = Float32Array.of(1, 2, 3, 4);
  joinEverywhere(everywhere, constant);
  expect([...everywhere]).toEqual([301, 302, 303, 304]);
});

test("a constant that treats the first position apart joins there by its first row", () => {
  const constant = { rows: { kind: "apart" } as const, width: 1, values: Float64Array.of(100, 200) };
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  joinByPosition(values, constant, answerRows(batches, [2, 1, 3]));
  expect([...values]).toEqual([201, 202, 203, 104, 205, 206]);
  joinEverywhere(values, constant);
  expect(values[0]).toBe(401);
});

test("meanOfEach is the mean over each prompt's rows", () => {
  const rows = answerRows(batches, [2, 1, 1]);
  expect([...meanOfEach(Float64Array.of(1, 3, 5, 7), rows)]).toEqual([2, 5, 7]);
});
