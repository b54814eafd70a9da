/**
 * Collects items and passes them on once in each animation frame, a limited number at a time, so that the page
 * can draw however fast items arrive.
 */

export interface FrameQueue<T> {
  add(item: T): void;
  /** Drops the waiting items. */
  clear(): void;
  /** Ends passing on items. */
  close(): void;
}

/** @param most items that are passed on in one frame. */
export function createFrameQueue<T>(most: number, take: (items: readonly T[]) => void): FrameQueue<T> {
  const waiting: T[] = [];
  let frame: number | undefined;
  let closed = false;
  const schedule = () => {
    if (frame !== undefined || closed) return;
    // A page in the background gets no animation frames.
    frame = document.hidden ? Number(setTimeout(flush, 250)) : requestAnimationFrame(flush);
  };
  const flush = () => {
    frame = undefined;
    if (closed) return;
    take(waiting.splice(0, most));
    if (waiting.length > 0) schedule();
  };
  return {
    add(item) {
      waiting.push(item);
      schedule();
    },
    clear() {
      waiting.length = 0;
    },
    close() {
      closed = true;
      if (frame !== undefined) cancelAnimationFrame(frame);
    },
  };
}
