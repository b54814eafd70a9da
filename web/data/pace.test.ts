import { expect, test } from "vitest";
import { createPace } from "./pace.ts";

test("what is left takes as long as the last seconds say", () => {
  const pace = createPace();
  pace.note(0, 100, 1000);
  expect(pace.value.value).toBeUndefined();
  pace.note(20, 100, 3000);
  expect(pace.value.value).toEqual({ perSecond: 10, secondsLeft: 8 });
});

test("only the last five seconds count", () => {
  const pace = createPace();
  for (const [done, now] of [
    ...([
      [0, 0],
      [1, 4000],
      [2, 8000],
      [42, 12_000],
    ] as const),
  ]) {
    pace.note(done, 62, now);
  }
  // From 8 s on, for what was noted before is older than five seconds.
  expect(pace.value.value).toEqual({ perSecond: 10, secondsLeft: 2 });
});

test("notes that come faster than three a second are passed over, and so is standing still", () => {
  const pace = createPace();
  pace.note(0, 10, 0);
  pace.note(5, 10, 299);
  expect(pace.value.value).toBeUndefined();
  pace.note(0, 10, 1000);
  expect(pace.value.value).toBeUndefined();
});

test("a search that begins anew, or a new step, has no pace yet", () => {
  const pace = createPace();
  pace.note(0, 10, 0);
  pace.note(5, 10, 1000);
  expect(pace.value.value?.perSecond).toBe(5);
  pace.restart();
  expect(pace.value.value).toBeUndefined();
  pace.note(6, 10, 2000);
  pace.note(1, 10, 3000);
  pace.note(2, 10, 4000);
  pace.note(4, 10, 5000);
  expect(pace.value.value).toEqual({ perSecond: 2, secondsLeft: 3 });
});
