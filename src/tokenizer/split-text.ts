/** Cuts a text at the matches of a pattern, as `split` of the Rust tokenizers does. */

/** A part of a text. */
export interface Piece {
  readonly text: string;
  /** Whether it begins where the whole text begins. */
  readonly first: boolean;
}

/** What happens to a match, with the names of tokenizer.json. */
export type SplitBehavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly isMatch: boolean;
}

/**
 * The parts of a piece, without empty ones.
 * @param pattern with the flag g. @param invert whether the text between matches counts as the match.
 */
export function splitPiece(
  { text, first }: Piece,
  pattern: RegExp,
  behavior: SplitBehavior,
  invert = false,
): readonly Piece[] {
  const stretches = findStretches(text, pattern).map((stretch) =>
    invert ? { ...stretch, isMatch: !stretch.isMatch } : stretch,
  );
  return behave(stretches, behavior)
    .filter(({ start, end }) => start < end)
    .map(({ start, end }) => ({ text: text.slice(start, end), first: first && start === 0 }));
}

/** The whole text as matches and the parts between them. */
function findStretches(text: string, pattern: RegExp): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let at = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (at < index) stretches.push({ start: at, end: index, isMatch: false });
    at = index + match.length;
    stretches.push({ start: index, end: at, isMatch: true });
  }
  if (at < text.length) stretches.push({ start: at, end: text.length, isMatch: false });
  return stretches;
}

function behave(stretches: readonly Stretch[], behavior: SplitBehavior): readonly Stretch[] {
  switch (behavior) {
    case "Isolated":
      return stretches;
    case "Removed":
      return stretches.filter(({ isMatch }) => !isMatch);
    case "Contiguous":
      return joinWhere(stretches, (last, next) => last.isMatch === next.isMatch);
    case "MergedWithPrevious":
      return joinWhere(stretches, (last, next) => next.isMatch && !last.isMatch);
    case "MergedWithNext":
      return mergeWithNext(stretches);
  }
}

/** Joins a stretch to the one before it; `test` gets the two original neighbours, not the joined text. */
function joinWhere(
  stretches: readonly Stretch[],
  test: (last: Stretch, next: Stretch) => boolean,
): readonly Stretch[] {
  const joined: Stretch[] = [];
  stretches.forEach((stretch, i) => {
    const before = stretches[i - 1];
    const last = joined.at(-1);
    if (before !== undefined && last !== undefined && test(before, stretch)) {
      joined[joined.length - 1] = { ...last, end: stretch.end };
    } else {
      joined.push(stretch);
    }
  });
  return joined;
}

function mergeWithNext(stretches: readonly Stretch[]): readonly Stretch[] {
  const joined: Stretch[] = [];
  for (let i = stretches.length - 1; i >= 0; i--) {
    const [stretch, after, last] = [stretches[i], stretches[i + 1], joined.at(-1)];
    if (stretch === undefined) continue;
    if (stretch.isMatch && after?.isMatch === false && last !== undefined) {
      joined[joined.length - 1] = { ...last, start: stretch.start };
    } else {
      joined.push(stretch);
    }
  }
  return joined.reverse();
}
