import { expect, test } from "vitest";
import { summarize, timeInTurns } from "./latency.ts";

test("median, minimum and maximum", () => {
  expect(summarize([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, runs: 3 });
  expect(summarize([10, 9, 1, 2])).toEqual({ median: 5.5, min: 1, max: 10, runs: 4 });
  expect(summarize([7])).toEqual({ median: 7, min: 7, max: 7, runs: 1 });
});

test("the two take turns, warm-up first", async () => {
  const calls: string[] = [];
  const work = (name: string) => async () => calls.push(name);
  const [a, b] = await timeInTurns(work("a"), work("b"), { warmUp: 2, runs: 4 });
  expect(calls.join("")).toBe("ab".repeat(6));
  // What is counted is what a run gives: here, the calls so far, of which the first four are warm-up.
  expect(a).toEqual({ median: 8, min: 5, max: 11, runs: 4 });
  expect(b).toEqual({ median: 9, min: 6, max: 12, runs: 4 });
});

test("a spent budget ends it, but not before three runs", async () => {
  const nothing = async () => 0;
  const [a] = await timeInTurns(nothing, nothing, { warmUp: 0, runs: 100, budget: 0 });
  expect(a.runs).toBe(3);
});

test("it can be aborted", async () => {
  const controller = new AbortController();
  const work = async () => {
    controller.abort();
    return 0;
  };
  await expect(timeInTurns(work, work, { warmUp: 0, signal: controller.signal })).rejects.toThrow(/abort/i);
});
