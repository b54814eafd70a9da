/** The stream of a run's events since the run was last read: each event once, though a stream may repeat it. */
import type { RunEvent } from "../../src/server/api.ts";

export interface RunEvents {
  /** Replaces an open stream. @param after number of the last known event. */
  open(after: number): void;
  close(): void;
}

/** @param onBreak called when the server ended or was restarted; the stream is closed then. */
export function createRunEvents(
  id: string,
  onEvent: (event: RunEvent) => void,
  onBreak: () => void,
): RunEvents {
  let source: EventSource | undefined;
  return {
    open(after) {
      let sequence = after;
      source?.close();
      source = new EventSource(`/api/runs/${encodeURIComponent(id)}/events?after=${sequence}`);
      source.onmessage = ({ data, lastEventId }) => {
        const event = JSON.parse(data) as RunEvent;
        // Progress has no number of its own.
        if (event.kind !== "progress") {
          const number = Number(lastEventId);
          if (number <= sequence) return;
          sequence = number;
        }
        onEvent(event);
      };
      source.onerror = () => {
        source?.close();
        onBreak();
      };
    },
    close() {
      source?.close();
    },
  };
}
