/**
 * Recognises other data files by their first bytes, such as archives and spreadsheets, which people give by
 * mistake as task files.
 */

const bytesOf = (ascii: string) => [...ascii].map((character) => character.charCodeAt(0));
const PANDAS = 'to_json("task.jsonl", orient="records", lines=True)';

const FORMATS: readonly (readonly [start: readonly number[], what: string, advice: string])[] = [
  [
    bytesOf("PAR1"),
    "a Parquet file",
    `Convert it first, in Python: pandas.read_parquet(FILE).${PANDAS}, or datasets.Dataset.from_parquet(FILE).to_json("task.jsonl").`,
  ],
  [bytesOf("ARROW1"), "an Arrow file", `Convert it first, in Python: pandas.read_feather(FILE).${PANDAS}.`],
  [[0x1f, 0x8b], "compressed with gzip", "Unpack it first: gunzip FILE, or --task <(gunzip -c FILE)."],
  [
    [0x50, 0x4b, 0x03, 0x04],
    "a ZIP archive, as spreadsheets (.xlsx) are",
    "Save it as CSV, or unpack the task file in it.",
  ],
];

/** What the file is and what to do, if it has a known format that Pith does not read. */
export function foreignTaskFile(
  bytes: Uint8Array,
): { readonly fault: string; readonly advice: string } | undefined {
  const found = FORMATS.find(([start]) => start.every((byte, at) => bytes[at] === byte));
  return found && { fault: `is ${found[1]}, not a task file.`, advice: found[2] };
}
