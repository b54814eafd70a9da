/**
 * Gathers what comes and hands it on once an animation frame, a bounded number at a time: what comes however fast
 * leaves the page room to draw.
 */

export interface FrameQueue<T> {
  add(item: T): void;
  /** Forgets what waits. */
  clear(): void;
  /** Nothing is handed on any more. */
  close(): void;
}

/** @param most that are handed on in one frame. */
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
