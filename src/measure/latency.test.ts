import { expect, test } from "vitest";
import { compareInTurns, summarize, timeInTurns } from "./latency.ts";

test("median, minimum and maximum", () => {
  expect(summarize([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, runs: 3 });
  expect(summarize([10, 9, 1, 2])).toEqual({ median: 5.5, min: 1, max: 10, runs: 4 });
  expect(summarize([7])).toEqual({ median: 7, min: 7, max: 7, runs: 1 });
});

test("the two take turns, warm-up first", async () => {
  const calls: string[] = [];
  const work = (name: string) => async () => calls.push(name);
  const [a, b] = await compareInTurns([work("a"), work("b")], { warmUp: 2, runs: 4 });
  expect(calls.join("")).toBe("ab".repeat(6));
  // What is counted is what a run gives: here, the calls so far, of which the first four are warm-up.
  expect(a?.timing).toEqual({ median: 8, min: 5, max: 11, runs: 4 });
  expect(b?.timing).toEqual({ median: 9, min: 6, max: 12, runs: 4 });
});

test("a spent budget ends it, but not before three runs", async () => {
  const nothing = async () => 0;
  const [a] = await compareInTurns([nothing, nothing], { warmUp: 0, runs: 100, budget: 0 });
  expect(a?.timing.runs).toBe(3);
  // Of two that are compared, not before the six pairs that a verdict takes.
  const [b] = await timeInTurns(nothing, nothing, { warmUp: 0, runs: 4, budget: 0 });
  expect(b.runs).toBe(6);
});

test("each is compared with the first run by run, where the runs are enough to tell", async () => {
  const work = (factor: number) => {
    let run = 0;
    return async () => factor * ++run;
  };
  const [one, two] = await compareInTurns([work(6), work(2)], { warmUp: 0, runs: 8 });
  expect(one?.speed).toEqual({ ratio: 1, interval: [1, 1], pairs: 8 });
  expect(two?.speed).toEqual({ ratio: 3, interval: [3, 3], pairs: 8 });
  expect(two?.timing).toEqual({ median: 9, min: 2, max: 16, runs: 8 });
  const [few] = await compareInTurns([work(1)], { warmUp: 0, runs: 5 });
  expect(few?.speed).toBeUndefined();
});

test("it can be aborted", async () => {
  const controller = new AbortController();
  const work = async () => {
    controller.abort();
    return 0;
  };
  await expect(timeInTurns(work, work, { warmUp: 0, signal: controller.signal })).rejects.toThrow(/abort/i);
});
