/** The circuit in this browser, opened once for a page however often it is asked. Its code comes when it is needed. */
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
  // A failed one may be tried again.
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

/** As the server does it for the original: a first run, which lays things out, is not the one that is timed. */
export async function askHere(id: string, prompt: string, count: number): Promise<HereAnswer> {
  const opened = await openHere(id);
  if (!warm.has(opened)) await opened.predict(prompt, count);
  warm.add(opened);
  return { ...(await opened.predict(prompt, count)), provider: opened.provider };
}

/** The prompt's tokens where the circuit does not take it, or none where it does, or where that can't be said here. */
export async function refusedTokens(id: string, prompt: string): Promise<readonly string[] | undefined> {
  // A circuit that can't be opened says so where it is asked.
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

/** The page that asks lets it go when it is left. */
export function useCircuitHere(): void {
  useEffect(() => closeHere, []);
}
