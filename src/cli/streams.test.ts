import { describe, expect, test } from "vitest";
import type { TerminalStyle } from "../report/terminal-style.ts";
import { drawSafely, wrapLines } from "./streams.ts";

const terminal = { isTTY: true, columns: 80, getColorDepth: () => 24 } as unknown as NodeJS.WriteStream;
const draw = (name: string) => (style: TerminalStyle) => `${style.bold("task")} ${name}\n${style.dim("end")}`;

describe("a drawing on a terminal with colours", () => {
  test("has our colours where its names hold no codes", () => {
    expect(drawSafely(terminal, draw("ioi"))).toBe("\u001b[1mtask\u001b[22m ioi\n\u001b[2mend\u001b[22m");
  });

  test("has no code at all where a name holds one, ours among them", () => {
    for (const [name, shown] of [
      ["\u001b[1mbold\u001b[22m", "\\x1b[1mbold\\x1b[22m"],
      ["\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
      ["\u009b2J", "\\x9b2J"],
      ["\u202eabc", "\\u202eabc"],
      ["a\rb", "a\\rb"],
    ] as const) {
      expect(drawSafely(terminal, draw(name))).toBe(`task ${shown}\nend`);
    }
  });
});

test("sentences are wrapped, commands to copy are not", () => {
  const text = "go on with this:\n  pith extract --task my-task.jsonl --resume";
  expect(wrapLines(text, 12)).toBe("go on with\nthis:\n  pith extract --task my-task.jsonl --resume");
});
