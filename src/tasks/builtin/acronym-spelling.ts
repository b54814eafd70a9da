/**
 * How a tokenizer splits three-letter acronyms, and which continuations are right after some of their letters. A
 * letter can be asked for only if a token begins with it: if an acronym is one token, or its second and third
 * letter are one, the third letter can't be asked for.
 */
import type { TaskTokenizer } from "./builtin-task.ts";
import { ofOneLength } from "./token-words.ts";

/** The letter of an acronym that a prompt asks for: 1 for the first. */
export type AcronymLetter = 1 | 2 | 3;

interface SpelledAcronym {
  /** The letters in the prompt, as the pieces that its tokens are. */
  readonly begun: readonly string[];
  /** All tokens that continue the acronym: the letter alone, or with what follows. */
  readonly answers: readonly string[];
}

export interface AcronymSpelling {
  /** Undefined for an acronym whose letter can't be asked for, or whose prompt would have another length. */
  readonly spell: (acronym: string) => SpelledAcronym | undefined;
  readonly notes: readonly string[];
}

/** With fewer acronyms than this, out of all from three initials, there are too few to draw from. */
const FEW_ACRONYMS = 100;

/**
 * Acronyms that the tokenizer splits into single letters, as published; if there are hardly any, the largest
 * group of others whose prompts have one length.
 * @param words whose initials form the acronyms.
 */
export function chooseSpelling(
  tokenizer: TaskTokenizer,
  words: readonly string[],
  letter: AcronymLetter,
): AcronymSpelling {
  const initials = [...new Set(words.map((word) => word.slice(0, 1)))];
  const acronyms = initials.flatMap((a) => initials.flatMap((b) => initials.map((c) => a + b + c)));
  const letterwise = new Map(
    acronyms
      .filter((acronym) => spellsLetters(tokenizer, acronym))
      .map((acronym) => [
        acronym,
        { begun: [...acronym].slice(0, letter - 1), answers: [acronym.slice(letter - 1, letter)] },
      ]),
  );
  if (letterwise.size >= Math.min(FEW_ACRONYMS, acronyms.length))
    return { spell: (acronym) => letterwise.get(acronym), notes: [] };

  const asked = acronyms.flatMap((acronym) => {
    const spelled = spellMerged(tokenizer, acronym, letter);
    return spelled === undefined ? [] : [{ acronym, spelled }];
  });
  const { kept } = ofOneLength(asked, ({ acronym }) => tokenizer.encode(acronym.slice(0, letter - 1)).length);
  const merged = new Map(kept.map(({ acronym, spelled }) => [acronym, spelled]));
  const note =
    `This tokenizer merges an acronym's letters: ${acronyms.length - merged.size} of ${acronyms.length} acronyms are left out, ` +
    `whose ${["first", "second", "third"][letter - 1]} letter no token begins with, or whose first letters are more or fewer tokens than most.`;
  return { spell: (acronym) => merged.get(acronym), notes: [note] };
}

function spellsLetters(tokenizer: TaskTokenizer, acronym: string): boolean {
  const ids = tokenizer.encode(acronym);
  const letters = [...acronym].map((character) => tokenizer.encode(character));
  return ids.length === 3 && letters.every((own, i) => own.length === 1 && own[0] === ids[i]);
}

/** Only if the tokenizer itself, given the whole acronym, ends a token before the letter. */
function spellMerged(
  tokenizer: TaskTokenizer,
  acronym: string,
  letter: AcronymLetter,
): SpelledAcronym | undefined {
  const begun = acronym.slice(0, letter - 1);
  const ids = tokenizer.encode(acronym);
  const before = begun === "" ? [] : tokenizer.encode(begun);
  if (ids.length <= before.length || before.some((id, i) => id !== ids[i])) return undefined;
  const rest = acronym.slice(letter - 1);
  const answers = Array.from({ length: rest.length }, (_, i) => rest.slice(0, i + 1)).filter(
    (text) => tokenizer.encode(text).length === 1,
  );
  return answers.length === 0 ? undefined : { begun: begun === "" ? [] : [begun], answers };
}
