/**
 * Reads task files in CSV (RFC 4180), or with tabs instead of commas: the first row names the columns, every
 * other row is an example. Spreadsheets write such files, so empty rows and empty cells are not errors, and
 * quoted cells may contain line ends. Lines are counted here, from the bytes of each row, because the library
 * counts a CR LF within quotes twice.
 */
import { CsvError, type InfoRecord, parse } from "csv-parse/browser/esm/sync";
import { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import { parseListCell } from "./list-cell.ts";
import { type ExamplePlace, type TaskExample, tryExample } from "./task-example.ts";
import { longestExample, mostCells, mostExamples } from "./task-limits.ts";

const COLUMNS = ["prompt", "answer", "answers", "labels", "distractors", "chat", "system", "split"] as const;
type Column = (typeof COLUMNS)[number];
const LISTS: ReadonlySet<Column> = new Set(["answers", "labels", "distractors"]);
const HEADER_ADVICE =
  "The first row names the columns: prompt, answers (or answer), and if you like labels, distractors, chat, system and split.";
const QUOTE_ADVICE = 'A cell with quotes in it is quoted as a whole, and they are doubled: "he said ""no""".';

interface Row {
  readonly cells: readonly string[];
  /** The 1-based line of the file in which it begins. */
  readonly line: number;
}

/**
 * Reads rows one after another, so that the reader may pause between them.
 * @param contents without byte order mark. @param file the name in errors.
 * @returns for each row its example or what is wrong with it, "task" with file and line (and field, if one is at
 * fault); undefined after a while without any. It ends early if the rest could not be understood: after a first
 * row that names no columns, a row with very many cells, or a quote that is not closed.
 */
export function* readTaskCsv(
  contents: string,
  file: string,
  separator: "," | "\t" = ",",
): Generator<TaskExample | PithError | undefined, void> {
  let columns: readonly Column[] | undefined;
  let examples = 0;
  try {
    for (const row of readRows(contents, file, separator)) {
      if (row === undefined) yield undefined;
      else if (columns === undefined) columns = parseHeader(row, file, separator);
      else {
        if (++examples > mostExamples) throw tooMany({ file, line: row.line });
        yield parseRow(row, columns, file, separator);
      }
    }
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    yield error;
  }
}

function tooMany(place: ExamplePlace): PithError {
  return new PithError("task", `more than ${mostExamples} examples`, { place });
}

function parseRow(
  { cells, line }: Row,
  columns: readonly Column[],
  file: string,
  separator: string,
): TaskExample | PithError {
  const place = { file, line };
  if (cells.length !== columns.length) {
    const [own, wanted] = [countCells(cells.length), countCells(columns.length)];
    return new PithError("task", `has ${own}, but the first row has ${wanted}.`, {
      place,
      advice: `A cell with a ${separator === "," ? "comma" : "tab"} in it must be quoted.`,
    });
  }
  const fields = columns.flatMap((column, at): [Column, unknown][] => {
    const cell = cells[at] ?? "";
    // A row must have all cells, so an empty cell means that the field is left out.
    if (cell === "" && column !== "prompt") return [];
    if (!LISTS.has(column)) return [[column, cell]];
    return [[column, parseListCell(cell) ?? cell.split("|")]];
  });
  if (parseListCell(cells[columns.indexOf("answer")] ?? "") !== undefined) {
    return new PithError("task", "is a list.", {
      place: { ...place, field: "answer" },
      advice: 'Name the column "answers".',
    });
  }
  return tryExample(Object.fromEntries(fields), place);
}

function countCells(count: number): string {
  return count === 1 ? "1 cell" : `${count} cells`;
}

function parseHeader({ cells, line }: Row, file: string, separator: string): readonly Column[] {
  const names = cells.map((cell) => cell.trim());
  const place = { file, line };
  const columns = names.map((name) => {
    const column = COLUMNS.find((each) => each === name.toLowerCase());
    if (column !== undefined) return column;
    const other = ["\t", ";", ","].find((each) => each !== separator && name.includes(each));
    throw new PithError(
      "task",
      `${name === "" ? "an empty column name" : `unknown column ${quote(name)}`}.`,
      {
        place,
        advice: other === undefined ? HEADER_ADVICE : separatorAdvice(separator, other),
      },
    );
  });
  const twice = columns.find((column, at) => columns.indexOf(column) !== at);
  if (twice !== undefined) throw new PithError("task", `the column "${twice}" stands twice`, { place });
  if (!columns.includes("prompt")) {
    throw new PithError("task", 'no column "prompt".', { place, advice: HEADER_ADVICE });
  }
  return columns;
}

function separatorAdvice(separator: string, found: string): string {
  if (separator === "\t") return "Columns of a .tsv file are separated by tabs.";
  return `Columns are separated by commas${found === "\t" ? ", or by tabs where the file's name ends in .tsv" : ""}.`;
}

/** All non-empty rows, with their lines; undefined after each part of the text. */
function* readRows(contents: string, file: string, separator: string): Generator<Row | undefined, void> {
  let line = 1;
  for (const part of splitBetweenRows(contents)) {
    if (part === tooWide) throw manyCells({ file, line });
    const { rows, lines, fault } = parseRows(part, line, file, separator);
    yield* rows;
    if (fault !== undefined) throw fault;
    yield undefined;
    line += lines;
  }
}

function manyCells(place: ExamplePlace): PithError {
  return new PithError("task", `more than ${mostCells} cells in one row.`, {
    place,
    advice: "A cell with commas in it must be quoted.",
  });
}

/** UTF-16 units that are parsed at once, which takes some milliseconds. */
const partLength = 2 ** 15;

/**
 * Marks a row of more than `mostCells` cells, for which the library would take seconds, and everything after it.
 */
const tooWide = Symbol("a row of too many cells");

/**
 * Parts that end at the end of a row. A line end is within quotes if the number of quotes before it is odd,
 * doubled quotes included. If this is wrong, a cell is malformed, and reading ends in the part with that cell.
 */
function* splitBetweenRows(contents: string): Generator<string | typeof tooWide, void> {
  let [start, row, cells] = [0, 0, 1];
  let within = false;
  const special = /[",]|\r\n?|\n/g;
  for (let found = special.exec(contents); found !== null; found = special.exec(contents)) {
    if (found[0] === '"') within = !within;
    else if (within) continue;
    else if (found[0] !== ",") {
      [row, cells] = [special.lastIndex, 1];
      if (row - start < partLength) continue;
      yield contents.slice(start, row);
      start = row;
    } else if (++cells > mostCells) {
      if (start < row) yield contents.slice(start, row);
      yield tooWide;
      return;
    }
  }
  if (start < contents.length) yield contents.slice(start);
}

/** @param first the line in which the part begins. @returns the rows before a malformed cell, if there is one. */
function parseRows(
  part: string,
  first: number,
  file: string,
  separator: string,
): { readonly rows: readonly Row[]; readonly lines: number; readonly fault?: PithError } {
  const bytes = new TextEncoder().encode(part);
  const rows: Row[] = [];
  const lines = countLines(bytes);
  let start = lines.skipTo(0);
  const lineOf = (own: number) => first + own - 1;
  try {
    parse(part, {
      delimiter: separator,
      // All three line ends, because files that were joined may contain several.
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: longestExample,
      on_record: (cells: readonly string[], { bytes: end }: InfoRecord) => {
        if (cells.some((cell) => cell !== "")) rows.push({ cells, line: lineOf(start) });
        start = lines.skipTo(end);
        return null;
      },
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    return { rows, lines: 0, fault: describe(cause, { file, line: lineOf(start) }) };
  }
  return { rows, lines: lines.skipTo(bytes.length) - 1 };
}

/**
 * Counts lines while it moves forward in a text: gives the line that begins at a byte, or after the empty lines
 * there.
 */
function countLines(bytes: Uint8Array): { skipTo(byte: number): number } {
  const [LF, CR] = [0x0a, 0x0d];
  let line = 1;
  let at = 0;
  const isLineEnd = (byte: number | undefined) => byte === LF || byte === CR;
  return {
    skipTo(byte) {
      for (; at < bytes.length && (at < byte || isLineEnd(bytes[at])); at++) {
        // In CR LF, only the LF counts.
        if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] !== LF)) line++;
      }
      return line;
    },
  };
}

function describe(error: CsvError, place: { readonly file: string; readonly line: number }): PithError {
  const details = { place, cause: error };
  switch (error.code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return new PithError("task", "a quoted cell that begins here is not closed.", {
        ...details,
        advice: QUOTE_ADVICE,
      });
    case "INVALID_OPENING_QUOTE":
      return new PithError("task", "a quote within a cell that is not quoted.", {
        ...details,
        advice: QUOTE_ADVICE,
      });
    case "CSV_INVALID_CLOSING_QUOTE":
      return new PithError("task", "text after a cell's closing quote.", {
        ...details,
        advice: QUOTE_ADVICE,
      });
    case "CSV_MAX_RECORD_SIZE":
      return new PithError("task", `more than ${longestExample} characters in one row.`, {
        ...details,
        advice: "Look for a quoted cell that is not closed.",
      });
    default:
      return new PithError("task", `not CSV: ${error.message}`, details);
  }
}
