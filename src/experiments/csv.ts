/** Comma-separated values (RFC 4180, but lines end with a line feed). */

/** The value of a cell. Undefined is an empty cell: nothing was measured. */
export type CsvCell = string | number | boolean | undefined;

/** A column's name, and its value for a row. */
export type CsvColumn<Row> = readonly [name: string, value: (row: Row) => CsvCell];

export function formatCsv<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, value]) => value(row)))];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}

function csvCell(value: CsvCell): string {
  const text = value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
