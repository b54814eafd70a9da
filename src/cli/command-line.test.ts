import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "./command-line.ts";

const program = createProgram({ words: [], exit: () => {} });
const commands = withChildren(program);

function withChildren(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

const fullName = (command: Command): string =>
  command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;

test("a short option stands for the same long one in every command", () => {
  const meanings = new Map<string, Set<string>>();
  for (const { short, long } of commands.flatMap(({ options }) => options)) {
    if (short === undefined || long === undefined) continue;
    meanings.set(short, (meanings.get(short) ?? new Set()).add(long));
  }
  expect([...meanings].map(([short, longs]) => [short, [...longs]]).sort()).toEqual([
    ["-V", ["--version"]],
    ["-a", ["--alpha"]],
    ["-f", ["--force"]],
    ["-m", ["--model"]],
    ["-o", ["--out"]],
    ["-p", ["--prompt"]],
    ["-t", ["--task"]],
  ]);
});

test("a long option has its short one in every command, or in none", () => {
  for (const long of ["--alpha", "--force", "--model", "--out", "--prompt", "--task"]) {
    const given = commands.flatMap(({ options }) => options).filter((option) => option.long === long);
    expect(given.length, long).toBeGreaterThan(0);
    expect(new Set(given.map(({ short }) => short)), long).toEqual(new Set([`-${long[2]}`]));
  }
});

describe("help is at most 80 columns wide", () => {
  test.each(commands.map((command) => [fullName(command), command] as const))("%s", (_, command) => {
    let text = "";
    command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
    command.outputHelp();
    expect(text).toContain("Usage:");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});

describe("who looks for a command finds it", () => {
  test.each(program.commands.map((command) => [command.name(), command] as const))(
    "%s",
    async (name, command) => {
      // In the table of README.md, with what it does, and in the help with an example.
      const table = (await readFile("README.md", "utf8"))
        .split("\n")
        .filter((line) => line.startsWith("| `"));
      expect(table.some((line) => new RegExp(`\\| .*\`(pith )?${name}[\` ]`).test(line))).toBe(true);
      let text = "";
      command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
      command.outputHelp();
      expect(text).toMatch(new RegExp(`Examples?:\\n  \\$ .*pith ${name}`));
      expect(command.description()).toMatch(/\.(\n|$)/);
    },
  );
});
