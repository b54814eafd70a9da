/** Adds up the progress of the files of one download, and reports it at most ten times a second. */

/** The progress of a download; all counts in bytes. Reported only while something is fetched. */
export interface HubProgress {
  /** The current file, by its name in the repository. */
  readonly file: string;
  /** Bytes of this file so far. */
  readonly fileDone: number;
  /** Bytes of this file. */
  readonly fileTotal: number;
  /** Bytes so far, over the files that this call fetches. */
  readonly done: number;
  /** Bytes of all these files; it grows once, when a sharded model's index has been read. */
  readonly total: number;
}

export interface ProgressMeter {
  readonly expect: (file: string, bytes: number) => void;
  readonly report: (file: string, bytesHere: number) => void;
}

export function progressMeter(listener: ((progress: HubProgress) => void) | undefined): ProgressMeter {
  const pauseMs = 100;
  const files = new Map<string, { done: number; readonly total: number }>();
  const started = new Set<string>();
  let done = 0;
  let total = 0;
  let said = Number.NEGATIVE_INFINITY;
  return {
    expect(file, bytes) {
      if (files.has(file)) return;
      files.set(file, { done: 0, total: bytes });
      total += bytes;
    },
    report(file, bytesHere) {
      const state = files.get(file);
      if (state === undefined) return;
      const turns = !started.has(file) || (bytesHere === state.total && state.done !== bytesHere);
      started.add(file);
      done += bytesHere - state.done;
      state.done = bytesHere;
      const now = performance.now();
      // The beginning and the end of a file are always reported.
      if (!turns && now - said < pauseMs) return;
      said = now;
      listener?.({ file, fileDone: bytesHere, fileTotal: state.total, done, total });
    },
  };
}
