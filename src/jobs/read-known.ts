/** Reads a known circuit by its id, or from a user's file (Node). */
import { PithError } from "../errors.ts";
import { isCircuitJson, parseCircuitFile } from "../export/circuit-json.ts";
import { errorCode } from "../files/file-error.ts";
import { readJson } from "../files/json.ts";
import { readInput } from "../files/read-input.ts";
import {
  KNOWN_CIRCUITS,
  type KnownCircuit,
  knownCircuit,
  parseKnownCircuit,
} from "../known/known-circuits.ts";
import { listsOf } from "../transformer/circuit.ts";

/** A list of heads has a few kB; a circuit.json of a large model has some MB. */
const LARGEST = 256 * 2 ** 20;

/**
 * Reads a known circuit by its id, or a list of heads from a file.
 * @param idOrPath "ioi/26", a task for its default, or a file; a known name is never read as a file.
 * @throws PithError "options" if it is neither; "circuit" for a file that is not a list of heads.
 */
export async function readKnown(idOrPath: string): Promise<KnownCircuit> {
  if (KNOWN_CIRCUITS.some(({ id, task }) => id === idOrPath || task === idOrPath)) {
    return knownCircuit(idOrPath);
  }
  const what = "a list of heads";
  const bytes = await readInput(idOrPath, { code: "circuit", most: LARGEST, what, pipes: true }).catch(
    (error: unknown) => {
      if (!(error instanceof PithError) || errorCode(error.cause) !== "ENOENT") throw error;
      throw new PithError("options", "there is no such file, and no known circuit of that name.", {
        place: { field: "--known", file: idOrPath },
        advice: `Known are ${KNOWN_CIRCUITS.map(({ id }) => id).join(", ")}.`,
        cause: error,
      });
    },
  );
  return parseKnownCircuit(listOfHeads(new TextDecoder().decode(bytes), idOrPath), idOrPath);
}

/**
 * A circuit.json stores heads as runs, which are converted; any other file is a list of heads already, or
 * invalid.
 */
function listOfHeads(text: string, path: string): string {
  const json = readJson(text.replace(/^\uFEFF/, ""));
  if (json.kind !== "value" || !isCircuitJson(json.value)) return text;
  return JSON.stringify({ heads: listsOf(parseCircuitFile(json.value, path).kept).heads });
}
