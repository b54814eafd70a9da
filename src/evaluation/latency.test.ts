import { expect, test } from "vitest";
import { summarize, timeInTurns } from "./latency.ts";

test("median, minimum and maximum", () => {
  expect(summarize([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, runs: 3 });
  expect(summarize([10, 9, 1, 2])).toEqual({ median: 5.5, min: 1, max: 10, runs: 4 });
  expect(summarize([7])).toEqual({ median: 7, min: 7, max: 7, runs: 1 });
});

test("the two take turns, warm-up first", async () => {
  const calls: string[] = [];
  const work = (name: string) => async () => void calls.push(name);
  const [a, b] = await timeInTurns(work("a"), work("b"), { warmUp: 2, runs: 4 });
  expect(calls.join("")).toBe("ab".repeat(6));
  expect([a.runs, b.runs]).toEqual([4, 4]);
});

test("a spent budget ends it, but not before three runs", async () => {
  const nothing = async () => {};
  const [a] = await timeInTurns(nothing, nothing, { warmUp: 0, runs: 100, budget: 0 });
  expect(a.runs).toBe(3);
});

test("it can be aborted", async () => {
  const controller = new AbortController();
  const work = async () => controller.abort();
  await expect(timeInTurns(work, work, { warmUp: 0, signal: controller.signal })).rejects.toThrow(/abort/i);
});
