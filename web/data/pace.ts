/** The speed of a run over the last seconds, from which the remaining time is estimated. */
import { type Signal, signal } from "@preact/signals";

export interface Pace {
  readonly perSecond: number;
  readonly secondsLeft: number;
}

const windowOf = 5000;
const every = 300;

export interface PaceKeeper {
  readonly value: Signal<Pace | undefined>;
  /** @param now in milliseconds. */
  note(done: number, total: number, now: number): void;
  restart(): void;
}

export function createPace(): PaceKeeper {
  const value = signal<Pace | undefined>(undefined);
  let seen: { readonly done: number; readonly at: number }[] = [];
  return {
    value,
    note(done, total, now) {
      const last = seen.at(-1);
      if (last !== undefined && (now - last.at < every || done < last.done)) {
        if (done < last.done) seen = [];
        return;
      }
      seen.push({ done, at: now });
      while (seen.length > 2 && now - (seen[0]?.at ?? now) > windowOf) seen.shift();
      const [oldest] = seen;
      if (oldest === undefined || now - oldest.at < every || done === oldest.done) return;
      const perSecond = (1000 * (done - oldest.done)) / (now - oldest.at);
      value.value = { perSecond, secondsLeft: (total - done) / perSecond };
    },
    restart() {
      seen = [];
      value.value = undefined;
    },
  };
}
