/**
 * The circuit in this browser, opened once for a page, however often it is used. Its code is loaded when it is
 * needed.
 */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { PithError } from "../../src/errors.ts";
import type { CircuitPrediction, OpenedCircuit, OpenProgress } from "../inference/open-circuit.ts";

export const openProgress = signal<OpenProgress | undefined>(undefined);

export interface HereAnswer extends CircuitPrediction {
  readonly provider: OpenedCircuit["provider"];
}

interface Held {
  readonly id: string;
  readonly opened: Promise<OpenedCircuit>;
}

let held: Held | undefined;

function openHere(id: string): Promise<OpenedCircuit> {
  if (held?.id === id) return held.opened;
  closeHere();
  const opened = open(id);
  held = { id, opened };
  // After a failure, it may be tried again.
  opened.catch(() => {
    if (held?.opened === opened) held = undefined;
  });
  return opened;
}

async function open(id: string): Promise<OpenedCircuit> {
  openProgress.value = undefined;
  const { openCircuit } = await import("../inference/open-circuit.ts");
  try {
    return await openCircuit(`/api/runs/${encodeURIComponent(id)}/files/`, {
      onProgress: (progress) => {
        openProgress.value = progress;
      },
    });
  } finally {
    openProgress.value = undefined;
  }
}

const warm = new WeakSet<OpenedCircuit>();

/** As on the server for the original: the first run, which prepares memory, is not timed. */
export async function askHere(id: string, prompt: string, count: number): Promise<HereAnswer> {
  const opened = await openHere(id);
  if (!warm.has(opened)) await opened.predict(prompt, count);
  warm.add(opened);
  return { ...(await opened.predict(prompt, count)), provider: opened.provider };
}

/** The prompt's tokens if the circuit does not accept it; undefined if it does, or if that is not known here. */
export async function refusedTokens(id: string, prompt: string): Promise<readonly string[] | undefined> {
  // A circuit that can't be opened reports that when it is run.
  const opened = await openHere(id).catch(() => undefined);
  if (opened === undefined) return undefined;
  try {
    opened.accept(prompt);
    return undefined;
  } catch (error) {
    if (error instanceof PithError && error.code === "task") return opened.tokenize(prompt).tokens;
    throw error;
  }
}

function closeHere(): void {
  const { opened } = held ?? {};
  held = undefined;
  opened?.then((circuit) => circuit.close()).catch(() => undefined);
}

/** The circuit is released when the page is left. */
export function useCircuitHere(): void {
  useEffect(() => closeHere, []);
}
