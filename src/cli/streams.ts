/**
 * The output streams of this program: reports and JSON on stdout, everything else on stderr. No other module
 * writes to a terminal, so that control codes from a file can't reach one.
 */
import { printableJson, printableLines } from "../printable.ts";
import { wrap } from "../report/layout.ts";
import { type TerminalStyle, terminalStyle } from "../report/terminal-style.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type OutputStream = NodeJS.WriteStream;

/** A reader that goes away (`pith inspect | head`) is not an error: stop silently. A full disk is an error. */
export function quietOnBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    printNote(`error: standard output: ${error.message}`);
    process.exit(2);
  });
  // If stderr fails too, only the exit code can report the error.
  process.stderr.on("error", () => {});
}

/** Colours, width and marks for a stream. Node reads NO_COLOR, FORCE_COLOR and TERM (getColorDepth). */
function styleOf(
  stream: OutputStream,
  environment: Environment,
  colours: "coloured" | "plain",
): TerminalStyle {
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  const poor = /^(C|POSIX)$/.test(locale) || environment["TERM"] === "linux";
  return terminalStyle({
    width: stream.columns ?? (Number(environment["COLUMNS"]) || 80),
    colours: stream.isTTY && colours === "coloured" ? colourLevel(stream.getColorDepth(environment)) : 0,
    unicode: !(stream.isTTY && poor),
  });
}

/** Whether lines can be redrawn: not in a file, a pipe, or a terminal without cursor movement. */
export function canRedraw(stream: OutputStream, environment: Environment = process.env): boolean {
  return stream.isTTY === true && environment["TERM"] !== "dumb";
}

/** Prints to stdout. */
export function printReport(report: (style: TerminalStyle) => string): void {
  process.stdout.write(`${drawSafely(process.stdout, report)}\n`);
}

/** One object in one line, so that scripts can read it line by line. */
export function printJson(value: object): void {
  process.stdout.write(`${printableJson(value)}\n`);
}

/**
 * On a terminal, sentences are wrapped between words. In a file or a pipe they stay whole, so that they can be
 * found by a search. Lines that begin with a space are commands to copy, and always stay whole.
 */
export function printNote(text: string): void {
  const { stderr } = process;
  const printable = printableLines(text);
  const lines = stderr.isTTY ? wrapLines(printable, styleOf(stderr, process.env, "plain").width) : printable;
  stderr.write(`${lines}\n`);
}

/** Wraps every line that does not begin with a space. @internal */
export function wrapLines(text: string, width: number): string {
  return text
    .split("\n")
    .flatMap((line) => (line.startsWith(" ") ? [line] : wrap(line, width)))
    .join("\n");
}

/**
 * A drawing that is safe for a terminal. It contains names and prompts from files, which may contain the same
 * control codes as our colours. So it is drawn without colours first: any code in that text comes from a file,
 * and then the drawing is shown with all codes escaped.
 */
export function drawSafely(stream: OutputStream, draw: (style: TerminalStyle) => string): string {
  const plain = draw(styleOf(stream, process.env, "plain"));
  const safe = printableLines(plain);
  return safe === plain ? draw(styleOf(stream, process.env, "coloured")) : safe;
}

/** Converts Node's bits per pixel to ansis's levels. */
function colourLevel(depth: number): 0 | 1 | 2 | 3 {
  if (depth >= 24) return 3;
  if (depth >= 8) return 2;
  return depth >= 4 ? 1 : 0;
}
