/** The findings about a task before the search, as notes for a person; empty if there is no problem. */
import type { Preflight } from "../jobs/preflight/preflight-result.ts";

export function preflightNotes({ task, findings }: Preflight): readonly string[] {
  return findings.map(({ severity, sentence, advice }) => {
    const kind = severity === "note" ? "note" : "warning";
    return `${kind}: ${task}: ${sentence} ${advice}`.trim();
  });
}
