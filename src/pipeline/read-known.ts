/** A known circuit by its id, or from a user's file (Node). */
import { readFile, stat } from "node:fs/promises";
import { PithError } from "../errors.ts";
import {
  KNOWN_CIRCUITS,
  type KnownCircuit,
  knownCircuit,
  parseKnownCircuit,
} from "../evaluation/known-circuits.ts";
import { errorCode, fileError } from "../files/file-error.ts";

/** A list of heads has a few kB, a circuit.json of a large model some MB. */
const LARGEST = 256 * 2 ** 20;

/**
 * @param idOrPath "ioi/26", a task for its default, or a file: a name that is known is never a file.
 * @throws PithError "options" where it is neither; "circuit" for a file that is no list of heads.
 */
export async function readKnown(idOrPath: string): Promise<KnownCircuit> {
  if (KNOWN_CIRCUITS.some(({ id, task }) => id === idOrPath || task === idOrPath)) {
    return knownCircuit(idOrPath);
  }
  const found = await stat(idOrPath).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw fileError("circuit", idOrPath, error);
    throw new PithError("options", "there is no such file, and no known circuit of that name.", {
      place: { field: "--known", file: idOrPath },
      advice: `Known are ${KNOWN_CIRCUITS.map(({ id }) => id).join(", ")}.`,
      cause: error,
    });
  });
  if (found.size > LARGEST) {
    throw new PithError("circuit", `${found.size} bytes are too many for a list of heads`, {
      place: { file: idOrPath },
    });
  }
  const contents = await readFile(idOrPath, "utf8").catch((error: unknown) => {
    throw fileError("circuit", idOrPath, error);
  });
  return parseKnownCircuit(contents, idOrPath);
}
