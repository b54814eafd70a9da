/**
 * The events of a run in order, on disk and for listeners. An event's sequence number is its position in the
 * file, so a page that lost its connection, or its server, asks for the events after the last one that it got.
 */
import { readFile, truncate } from "node:fs/promises";
import { z } from "zod";
import type { Decision } from "../../discovery/searches/decision.ts";
import { PithError } from "../../errors.ts";
import { type AppendFile, openAppendFile, wholeLines } from "../../files/append-file.ts";
import { errorCode, fileError, orFileError } from "../../files/file-error.ts";
import { tryJson } from "../../files/json.ts";
import type { Step } from "../../jobs/events.ts";
import { parseRecord } from "../../transformer/component.ts";
import type { RunEvent } from "../api.ts";
import { errorSchema, runStates } from "./run-folder.ts";

const whole = z.int().min(0);
const componentName = z.string().refine((component) => parseRecord({ layer: 0, component }) !== undefined);
const decisionSchema = z.object({
  ...{ layer: whole, component: componentName, kl: z.number(), delta: z.number(), pruned: z.boolean() },
  also: z.array(componentName).min(1).optional(),
  atLeast: z.literal(true).optional(),
  pass: z.int().min(2).optional(),
});
/** The compiler requires every step here: without one of them, each run's log would look damaged. */
const steps = Object.keys({
  download: true,
  preflight: true,
  activations: true,
  search: true,
  rank: true,
  sweep: true,
  train: true,
  bootstrap: true,
  export: true,
  verify: true,
  measure: true,
} satisfies Record<Step, true>) as readonly Step[];
const eventSchema: z.ZodType<RunEvent> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("state"), state: z.enum(runStates), error: errorSchema.optional() }),
  z.object({ kind: z.literal("step"), step: z.enum(steps) }),
  z.object({ kind: z.literal("progress"), done: z.number(), total: z.number() }),
  z.object({
    ...{ kind: z.literal("search"), layers: whole, headsPerLayer: z.array(whole), candidates: whole },
  }),
  z.object({ kind: z.literal("decision"), decision: decisionSchema, done: z.number(), total: z.number() }),
]);

/** `sequence` is left out for events that are sent once and not stored. */
export interface SequencedEvent {
  readonly sequence?: number | undefined;
  readonly event: RunEvent;
}

export interface EventLog {
  /** How many events there are; the last one's sequence number. */
  readonly length: number;
  /** Stores an event and sends it to listeners; resolves when it is on disk. */
  append(event: RunEvent): Promise<void>;
  /** Sends an event to the present listeners without storing it. */
  tell(event: RunEvent): void;
  after(sequence: number): readonly SequencedEvent[];
  /** All decisions of the search so far, in order. */
  decisions(): readonly Decision[];
  last<K extends RunEvent["kind"]>(kind: K): Extract<RunEvent, { kind: K }> | undefined;
  /** @param listener gets undefined when the log is closed. @returns a function that ends listening. */
  listen(listener: (event: SequencedEvent | undefined) => void): () => void;
  /** Ends all listening: no further events will come. */
  close(): void;
  readonly closed: boolean;
}

/**
 * Opens the log at `path`; a line that was being written when a server died is left out.
 * @throws PithError "output" for a damaged log, with its line.
 */
export async function openEventLog(path: string): Promise<EventLog> {
  const { events, bytes } = await readEvents(path);
  return createEventLog(events, openAppendFile(path, bytes));
}

/** The log of a run that can't be read: it has no events and gets none. */
export function closedEventLog(): EventLog {
  const log = createEventLog([], { append: async () => {}, settled: async () => {} });
  log.close();
  return log;
}

function createEventLog(events: RunEvent[], file: AppendFile): EventLog {
  const listeners = new Set<(event: SequencedEvent | undefined) => void>();
  let writing: Promise<void> = Promise.resolve();
  let written = events.length;
  const broadcast = (event: SequencedEvent | undefined) => {
    for (const listener of [...listeners]) listener(event);
  };
  /**
   * Events that could not be written before, as on a full disk, are written with the next one, so positions stay
   * correct.
   */
  const write = async () => {
    const waiting = events.slice(written);
    if (waiting.length === 0) return;
    await file.append(waiting.map((event) => `${JSON.stringify(event)}\n`).join(""));
    written += waiting.length;
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
      const done = writing.then(write);
      writing = done.catch(() => undefined);
      return done;
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

/** @returns the events, and the number of bytes that they take in the file. */
async function readEvents(path: string): Promise<{ readonly events: RunEvent[]; readonly bytes: number }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { events: [], bytes: 0 };
    throw fileError("output", path, error);
  }
  const lines = wholeLines(text);
  const events = lines.map((line, index) => {
    const event = eventSchema.safeParse(tryJson(line));
    if (event.success) return event.data;
    throw new PithError("output", "is damaged: this line holds no event of a run.", {
      place: { file: path, line: index + 1 },
      advice: "Mend the line, or delete the run; what it has made lies in its folder.",
    });
  });
  const bytes = Buffer.byteLength(lines.map((line) => `${line}\n`).join(""));
  // Text after the last line feed is an incomplete line.
  if (bytes < Buffer.byteLength(text)) await orFileError("output", path, () => truncate(path, bytes));
  return { events, bytes };
}
