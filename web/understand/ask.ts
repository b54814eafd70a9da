/** A hook for an answer that is requested again when the question changes; an outdated answer is ignored. */
import { useEffect, useState } from "preact/hooks";
import { type Fault, faultOf } from "../data/api-client.ts";

export interface Asked<T> {
  /** The latest answer, perhaps to an earlier question: see `waiting`. */
  readonly value: T | undefined;
  readonly fault: Fault | undefined;
  readonly waiting: boolean;
}

/** @param key of the question; with undefined, nothing is asked. */
export function useAsked<T>(key: string | undefined, ask: (abort: AbortSignal) => Promise<T>): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { readonly key: string | undefined }>({
    ...{ value: undefined, fault: undefined, key },
    waiting: key !== undefined,
  });
  // The key contains everything that the question depends on.
  useEffect(() => {
    if (key === undefined) return;
    const abort = new AbortController();
    setAsked(({ value }) => ({ value, fault: undefined, waiting: true, key }));
    ask(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setAsked({ value, fault: undefined, waiting: false, key });
      },
      (thrown) => {
        if (!abort.signal.aborted) {
          setAsked({ value: undefined, fault: faultOf(thrown), waiting: false, key });
        }
      },
    );
    return () => abort.abort();
  }, [key]);
  // Between a new question and the effect that asks it, the stored answer belongs to the old one.
  return key === undefined || key === asked.key ? asked : { ...asked, fault: undefined, waiting: true };
}
