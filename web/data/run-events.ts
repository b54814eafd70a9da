/** The stream of a run's events, from where a reading of the run ended: each event once, though a stream may say it twice. */
import type { RunEvent } from "../../src/server/api.ts";

export interface RunEvents {
  /** In place of a stream that is open. @param after number of the last event that is known. */
  open(after: number): void;
  close(): void;
}

/** @param onBreak the server went, or was started anew; the stream is closed then. */
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
