/** Command lines for people to copy: how this program was called, and how to continue. */
import { basename, relative } from "node:path";

/**
 * The command for `pith`: "npx pith" under npx, "pith" if it is installed, else "node dist/cli.js".
 * @param script process.argv[1].
 */
export function programName(
  script: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (environment["npm_command"] === "exec") return "npx pith";
  if (script === undefined || basename(script) === "pith") return "pith";
  const path = relative(process.cwd(), script);
  return `node ${quote(path.startsWith("..") ? script : path)}`;
}

/** The words, quoted for a POSIX shell where necessary. */
export function commandLine(program: string, words: readonly string[]): string {
  return [program, ...words.map(quote)].join(" ");
}

/**
 * The same for a report: if one line would be too long, each group of words after the first begins a new line, in
 * a form that a shell reads as one command.
 */
export function commandToCopy(
  program: string,
  groups: readonly (readonly string[])[],
  { indent = 3, width = 80 }: { readonly indent?: number; readonly width?: number } = {},
): string {
  const line = commandLine(program, groups.flat());
  if (indent + line.length <= width) return line;
  const [first = "", ...rest] = groups.map((words) => words.map(quote).join(" "));
  return [`${program} ${first}`, ...rest].join(` \\\n${" ".repeat(indent + 2)}`);
}

/** The same words with `--resume`, once. */
export function resumeCommand(program: string, words: readonly string[]): string {
  return commandLine(program, [...words.filter((word) => word !== "--resume"), "--resume"]);
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
