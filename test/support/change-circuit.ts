/** Changes circuit.json in a shipped folder, with a matching checksum, as if its writer had written it so. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checksumOf } from "../../src/export/checksum.ts";
import type { CircuitJson } from "../../src/export/circuit-format-2.ts";

export async function changeCircuit(
  directory: string,
  change: (circuit: CircuitJson) => object,
): Promise<void> {
  const path = join(directory, "circuit.json");
  const { checksum: _, ...changed } = { checksum: "", ...change(JSON.parse(await readFile(path, "utf8"))) };
  await writeFile(path, JSON.stringify({ ...changed, checksum: checksumOf(changed) }));
}
