/** The faults of a task's examples, each with a link to its line. */
import type { Fault } from "../data/api-client.ts";
import { CommandText, faultSentence } from "../parts/fault-text.tsx";

/** The most fault lines that are shown at once. */
const mostFaults = 8;

export function FaultLines({
  faults,
  goTo,
}: {
  readonly faults: readonly Fault[];
  readonly goTo: (line: number) => void;
}) {
  return (
    <ul class="plain">
      {faults.slice(0, mostFaults).map((fault) => {
        const { line, message, advice } = fault;
        return (
          <li class="fault-line" key={`${line} ${message}`}>
            {line !== undefined && (
              <button type="button" class="link" onClick={() => goTo(line)}>
                Line {line}
              </button>
            )}{" "}
            <CommandText text={faultSentence(fault)} />
            {advice !== undefined && advice !== "" && !message.includes(advice) && (
              <>
                {" "}
                <CommandText text={advice} />
              </>
            )}
          </li>
        );
      })}
      {faults.length > mostFaults && <li class="hint">and {faults.length - mostFaults} more</li>}
    </ul>
  );
}
