import { expect, test } from "vitest";
import { wrapLines } from "./streams.ts";

test("sentences are wrapped, commands to copy are not", () => {
  const text = "go on with this:\n  pith extract --task my-task.jsonl --resume";
  expect(wrapLines(text, 12)).toBe("go on with\nthis:\n  pith extract --task my-task.jsonl --resume");
});
