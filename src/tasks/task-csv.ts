/**
 * Task files as CSV (RFC 4180): a first row that names the columns, one example a row. Spreadsheets write them,
 * so empty rows and a cell that is left empty are no faults, and quoted cells may hold line ends. Lines are
 * counted here, from the bytes of each row: the library counts a CR LF within quotes twice.
 */
import { CsvError, type InfoRecord, parse } from "csv-parse/browser/esm/sync";
import { PithError } from "../errors.ts";
import { quote } from "../tokenizer/printable.ts";
import { parseExample, type TaskExample } from "./task-example.ts";
import { longestExample, mostExamples } from "./task-limits.ts";

const COLUMNS = ["prompt", "answer", "answers", "labels", "split"] as const;
type Column = (typeof COLUMNS)[number];
const LISTS: ReadonlySet<Column> = new Set(["answers", "labels"]);
const HEADER_ADVICE =
  "The first row names the columns: prompt, answers (or answer), and if you like labels and split.";
const QUOTE_ADVICE = 'A cell with quotes in it is quoted as a whole, and they are doubled: "he said ""no""".';

interface Row {
  readonly cells: readonly string[];
  /** 1-based line of the file in which it begins. */
  readonly line: number;
}

/**
 * @param contents without byte order mark. @param file as errors show it.
 * @returns the examples; none for a file without rows.
 * @throws PithError "task" with file and line (and field, where one is to blame).
 */
export function parseTaskCsv(contents: string, file: string): readonly TaskExample[] {
  const [header, ...rows] = parseRows(contents, file);
  if (header === undefined) return [];
  const columns = parseHeader(header, file);
  return rows.map((row) => {
    const place = { file, line: row.line };
    if (row.cells.length !== columns.length) {
      const [own, wanted] = [countCells(row.cells.length), countCells(columns.length)];
      throw new PithError("task", `has ${own}, but the first row has ${wanted}.`, {
        place,
        advice: "A cell with a comma in it must be quoted.",
      });
    }
    const fields = columns.flatMap((column, at): [Column, unknown][] => {
      const cell = row.cells[at] ?? "";
      // A row must have all cells, so an empty one stands for a field that is left out.
      if (cell === "" && column !== "prompt") return [];
      return [[column, LISTS.has(column) ? cell.split("|") : cell]];
    });
    return parseExample(Object.fromEntries(fields), place);
  });
}

function countCells(count: number): string {
  return count === 1 ? "1 cell" : `${count} cells`;
}

function parseHeader({ cells, line }: Row, file: string): readonly Column[] {
  const names = cells.map((cell) => cell.trim());
  const place = { file, line };
  const columns = names.map((name) => {
    const column = COLUMNS.find((each) => each === name.toLowerCase());
    if (column !== undefined) return column;
    const separator = ["\t", ";"].find((each) => name.includes(each));
    throw new PithError(
      "task",
      `${name === "" ? "an empty column name" : `unknown column ${quote(name)}`}.`,
      {
        place,
        advice: separator === undefined ? HEADER_ADVICE : "Columns are separated by commas.",
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

/** All rows that are not empty, with their lines. */
function parseRows(contents: string, file: string): readonly Row[] {
  const bytes = new TextEncoder().encode(contents);
  const rows: Row[] = [];
  const lines = countLines(bytes);
  let start = lines.skipTo(0);
  try {
    parse(contents, {
      // Not the first line's alone: files that were pasted together hold several.
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: longestExample,
      on_record: (cells: readonly string[], { bytes: end }: InfoRecord) => {
        if (cells.some((cell) => cell !== "")) rows.push({ cells, line: start });
        if (rows.length > mostExamples + 1) {
          throw new PithError("task", `more than ${mostExamples} examples`, { place: { file, line: start } });
        }
        start = lines.skipTo(end);
        return null;
      },
    });
  } catch (cause) {
    if (cause instanceof PithError) throw cause;
    if (cause instanceof CsvError) throw describe(cause, { file, line: start });
    throw cause;
  }
  return rows;
}

/** Follows a text forwards: which line begins at a byte, or after the empty lines there. */
function countLines(bytes: Uint8Array): { skipTo(byte: number): number } {
  const [LF, CR] = [0x0a, 0x0d];
  let line = 1;
  let at = 0;
  const isLineEnd = (byte: number | undefined) => byte === LF || byte === CR;
  return {
    skipTo(byte) {
      for (; at < bytes.length && (at < byte || isLineEnd(bytes[at])); at++) {
        // Of CR LF the second counts.
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
