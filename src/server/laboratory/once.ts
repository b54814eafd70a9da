/** Remembers the result of `make`; after a failure, the next call tries again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    const making = made ?? make();
    if (made === undefined) {
      made = making;
      making.catch(() => {
        made = undefined;
      });
    }
    return making;
  };
}
