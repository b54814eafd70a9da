/**
 * What makes a circuit this one: evidence names it, so that it is not shown for another. The number format that is
 * opened, and times, are no part of it.
 */
import { checksumOf } from "../../export/checksum.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { circuitJson } from "../../export/circuit-json.ts";

const members = ["task", "search", "onTrial", "replacement", "kept", "constants"] as const;

/** SHA-256 of the original's files, the task, the search and its result. */
export function circuitIdentity(circuit: CircuitFile): string {
  const json = circuitJson(circuit);
  return checksumOf({
    files: circuit.model.files,
    // Constants are left out where they are means, as they were before they could be fitted.
    ...Object.fromEntries(
      members.flatMap((name) => (json[name] === undefined ? [] : [[name, json[name]] as const])),
    ),
  });
}
