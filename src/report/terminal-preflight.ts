/** What was found of a task before it is searched, as notes for a person; none where all is well. */
import type { Preflight } from "../jobs/preflight/preflight-result.ts";

export function preflightNotes({ task, findings }: Preflight): readonly string[] {
  return findings.map(({ severity, sentence, advice }) => {
    const kind = severity === "note" ? "note" : "warning";
    return `${kind}: ${task}: ${sentence} ${advice}`.trim();
  });
}
