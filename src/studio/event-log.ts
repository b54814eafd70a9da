/**
 * What happened in a run, in order, on disk and to whoever listens. An event's sequence number is its place in
 * the file, so a page that lost its connection, or its server, asks for what came after the last one it saw.
 */
import { appendFile, readFile, truncate } from "node:fs/promises";
import type { Decision } from "../discovery/search.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import type { RunEvent } from "./api.ts";

/** `sequence` is left out of events that are told once and not kept. */
export interface SequencedEvent {
  readonly sequence?: number | undefined;
  readonly event: RunEvent;
}

export interface EventLog {
  /** How many events there are; the last one's sequence number. */
  readonly length: number;
  /** Tells and keeps; resolves when it is on disk. */
  append(event: RunEvent): Promise<void>;
  /** Tells it to who listens now, and no one else. */
  tell(event: RunEvent): void;
  after(sequence: number): readonly SequencedEvent[];
  /** All decisions of the search so far, in order. */
  decisions(): readonly Decision[];
  last<K extends RunEvent["kind"]>(kind: K): Extract<RunEvent, { kind: K }> | undefined;
  /** @param listener undefined wakes it, for the log has been closed. @returns what ends listening. */
  listen(listener: (event: SequencedEvent | undefined) => void): () => void;
  /** Ends all listening: nothing will come any more. */
  close(): void;
  readonly closed: boolean;
}

/** Takes up what is at `path`; a line that was being written when a server died is left out. */
export async function openEventLog(path: string): Promise<EventLog> {
  const events: RunEvent[] = await readEvents(path);
  const listeners = new Set<(event: SequencedEvent | undefined) => void>();
  let writing: Promise<void> = Promise.resolve();
  const broadcast = (event: SequencedEvent | undefined) => {
    for (const listener of [...listeners]) listener(event);
  };
  let closed = false;
  return {
    get closed() {
      return closed;
    },
    get length() {
      return events.length;
    },
    append(event) {
      events.push(event);
      broadcast({ sequence: events.length, event });
      writing = writing
        .then(() => appendFile(path, `${JSON.stringify(event)}\n`))
        .catch((error: unknown) => {
          throw fileError("output", path, error);
        });
      return writing;
    },
    tell: (event) => broadcast({ event }),
    after: (sequence) =>
      events.slice(sequence).map((event, index) => ({ sequence: sequence + index + 1, event })),
    decisions() {
      const start = events.findLastIndex(({ kind }) => kind === "search");
      return events.slice(start + 1).flatMap((event) => (event.kind === "decision" ? [event.decision] : []));
    },
    last<K extends RunEvent["kind"]>(kind: K) {
      return events.findLast((event): event is Extract<RunEvent, { kind: K }> => event.kind === kind);
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      closed = true;
      broadcast(undefined);
      listeners.clear();
    },
  };
}

async function readEvents(path: string): Promise<RunEvent[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw fileError("output", path, error);
  }
  // What stands after the last line feed is torn.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RunEvent);
}
