/** Progress of a bench that runs for minutes, on stderr, so that its result stays clean on stdout. */

/** @returns prints a line if the last one was printed that many seconds ago. */
export function reportEvery(seconds: number): (line: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (line) => {
    const now = performance.now();
    if (now - last < 1000 * seconds) return;
    last = now;
    process.stderr.write(`${line}\n`);
  };
}
