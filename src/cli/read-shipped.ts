/** Opens a circuit's folder for a command, with a note if circuit.json does not list its files. */
import { dtypesIn, mainDtype } from "../export/formats.ts";
import { type CircuitFolder, type ReadFolderOptions, readCircuitFolder } from "../export/read-folder.ts";
import { printNote } from "./streams.ts";

/** @throws PithError as {@link readCircuitFolder}. */
export async function readShipped(
  directory: string,
  options: ReadFolderOptions = {},
): Promise<CircuitFolder> {
  const folder = await readCircuitFolder(directory, options);
  noteOpened(folder);
  return folder;
}

/** Says what is not checked, and which of several formats was opened. */
export function noteOpened({
  directory,
  circuit,
  record,
}: Omit<CircuitFolder, "modelPath" | "weightsPath">): void {
  if (circuit.files === undefined) {
    printNote(
      `${directory}: its circuit.json is of an earlier version of Pith and lists no hashes, so a changed file is not noticed.`,
    );
  }
  const dtypes = dtypesIn(record);
  if (dtypes.length > 1) {
    printNote(`${directory}: opened in ${mainDtype(circuit)}; it holds ${dtypes.join(", ")} (--dtype).`);
  }
}
