/** A circuit's folder as the commands open it, with a note where circuit.json says nothing of its files. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { type CircuitFolder, readCircuitFolder } from "../export/read-folder.ts";
import { printNote } from "./streams.ts";

/** @throws PithError as {@link readCircuitFolder}. */
export async function readShipped(directory: string): Promise<CircuitFolder> {
  const folder = await readCircuitFolder(directory);
  noteUnlisted(folder);
  return folder;
}

export function noteUnlisted({
  directory,
  circuit,
}: {
  readonly directory: string;
  readonly circuit: CircuitFile;
}): void {
  if (circuit.files !== undefined) return;
  printNote(
    `${directory}: its circuit.json is of an earlier version of Pith and lists no hashes, so a changed file is not noticed.`,
  );
}
