import { expect, test } from "vitest";
import type { SweepEvent } from "../jobs/events.ts";
import { sweepProgress } from "./terminal-sweep.ts";

const event = (units: number, work: number, evaluations: number): SweepEvent => ({
  ...{ kind: "sweep", units, total: 10, resumed: 4, evaluations, work },
});

test("time left goes by this run's pace, not by what an earlier one had done", () => {
  const first = event(4, 4, 3000);
  expect(sweepProgress(first, first, 0)).toEqual(["4 of 10 units", "3,000 evaluations"]);
  // Two units' work in a minute, four more to do.
  expect(sweepProgress(first, event(5, 6, 3900), 60)).toEqual([
    "5 of 10 units",
    "3,900 evaluations",
    "about 2 min 0 s left",
  ]);
  expect(sweepProgress(first, event(10, 10, 6000), 180)).toEqual(["10 of 10 units", "6,000 evaluations"]);
});
