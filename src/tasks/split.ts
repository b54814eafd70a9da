/**
 * Divides examples into patching, validation and test. A prompt that chose the circuit must not measure it too,
 * so equal prompts always stay together.
 */
import { PithError } from "../errors.ts";
import { createRandom } from "./random.ts";
import type { TaskExample } from "./task-file.ts";

/** Each split has the order of the file's lines. */
export interface TaskSplits {
  readonly patching: readonly TaskExample[];
  readonly validation: readonly TaskExample[];
  readonly test: readonly TaskExample[];
}

export interface SplitOptions {
  readonly seed: number;
  /**
   * Examples for the means; left out: 150, the paper's number, or a third of the file's different examples if that
   * is less.
   */
  readonly patchingCount?: number | undefined;
  /** Examples for the pruning decisions; left out: the same as `patchingCount`. The rest is the test set. */
  readonly validationCount?: number | undefined;
  /** The file's name in errors. */
  readonly fileName?: string | undefined;
}

const DEFAULT_COUNT = 150;

/**
 * Keeps the splits of a file that states them, and divides any other file, in the same way for the same seed on
 * any machine. A file that is divided gives each example once, by its first line: repeated lines would fill the
 * splits with few different prompts, and make a share of the test set look more certain than it is. Equal prompts
 * with different answers stay together; if they do not fit into a split, they go to the next.
 * @throws PithError "task" when only some lines state a split; "options" for invalid counts or an invalid seed.
 */
export function splitExamples(examples: readonly TaskExample[], options: SplitOptions): TaskSplits {
  const file = options.fileName === undefined ? {} : { file: options.fileName };
  const carrier = examples.find(({ split }) => split !== undefined);
  if (carrier === undefined) return divide(examples, options);

  const bare = examples.find(({ split }) => split === undefined);
  if (bare !== undefined) {
    throw new PithError("task", `has no "split", but line ${carrier.line} has one.`, {
      place: { ...file, line: bare.line },
      advice: "Give every line a split, or none.",
    });
  }
  if (options.patchingCount !== undefined || options.validationCount !== undefined) {
    throw new PithError("options", "the task file carries its own splits; their sizes can't be chosen.", {
      place: file,
      advice: "Leave the counts out, or take the splits out of the file.",
    });
  }
  const having = (split: TaskExample["split"]) => examples.filter((example) => example.split === split);
  return { patching: having("patching"), validation: having("validation"), test: having("test") };
}

function divide(lines: readonly TaskExample[], options: SplitOptions): TaskSplits {
  const examples = withoutRepeats(lines);
  const different = new Set(examples.map(({ prompt }) => prompt)).size;
  if (different < 2) {
    throw new PithError(
      "task",
      different === 0 ? "has no examples." : "has only one prompt, however often.",
      {
        place: options.fileName === undefined ? {} : { file: options.fileName },
        advice: "A search needs different prompts for the means, for the decisions, and for the test.",
      },
    );
  }
  const third = Math.max(1, Math.floor(examples.length / 3));
  const patchingCount = checkCount("patchingCount", options.patchingCount ?? Math.min(DEFAULT_COUNT, third));
  const validationCount = checkCount("validationCount", options.validationCount ?? patchingCount);
  if (patchingCount + validationCount > examples.length) {
    throw new PithError(
      "options",
      `${patchingCount} patching and ${validationCount} validation examples are asked for, but there are ${examples.length}${examples.length < lines.length ? " different ones" : ""}`,
      { place: options.fileName === undefined ? {} : { file: options.fileName } },
    );
  }

  const groups = new Map<string, TaskExample[]>();
  for (const example of examples) {
    const group = groups.get(example.prompt);
    if (group === undefined) groups.set(example.prompt, [example]);
    else group.push(example);
  }
  const patching: TaskExample[] = [];
  const validation: TaskExample[] = [];
  const test: TaskExample[] = [];
  for (const group of createRandom(options.seed).shuffled([...groups.values()])) {
    const split =
      patching.length + group.length <= patchingCount
        ? patching
        : validation.length + group.length <= validationCount
          ? validation
          : test;
    // One by one: a prompt may occur in more lines than a call may have arguments.
    for (const example of group) split.push(example);
  }
  for (const split of [patching, validation, test]) split.sort((a, b) => a.line - b.line);
  return { patching, validation, test };
}

/** The first example of each set with the same prompt, answers, labels and distractors. */
function withoutRepeats(examples: readonly TaskExample[]): readonly TaskExample[] {
  const seen = new Set<string>();
  return examples.filter(({ prompt, answers, labels, distractors }) => {
    const key = JSON.stringify([prompt, answers, labels, distractors]);
    const isFirst = !seen.has(key);
    seen.add(key);
    return isFirst;
  });
}

function checkCount(field: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new PithError("options", `${count} is not a whole number from 1 on`, { place: { field } });
}
