/** The findings of a preflight as sentences, and the decision whether they forbid the search. */
import { type ErrorPlace, PithError } from "../../errors.ts";
import type { ShareEstimate } from "../../measure/share-estimate.ts";
import { quote } from "../../printable.ts";
import type { Split } from "../../tasks/task-file.ts";
import type {
  Preflight,
  PreflightCode,
  PreflightFinding,
  SpellingPreflight,
  SplitPreflight,
} from "./preflight-result.ts";

/** Findings that say how the task could be written correctly. */
const spellingCodes: readonly PreflightCode[] = [
  "prompt-ends-in-space",
  "answer-spelling",
  "answer-in-pieces",
];

/** With fewer different prompts than this, decisions depend on chance. */
const fewPrompts = 10;

/** @param pieces the result of `missingSpace` for the task. @returns the worst first. */
export function preflightFindings(
  observed: Omit<Preflight, "findings">,
  pieces: string | undefined,
): readonly PreflightFinding[] {
  const { splits, repeatedLines, seenTestPrompts } = observed;
  const found = [
    ...accuracyFindings(observed),
    ...spellingFindings(observed),
    ...(pieces === undefined ? [] : [finding("answer-in-pieces", "warning", pieces)]),
    ...promptFindings("patching", splits.patching, "give the means"),
    ...promptFindings("validation", splits.validation, "decide what is pruned"),
    ...promptFindings("test", splits.test, "measure the accuracy that is reported first"),
  ];
  if (seenTestPrompts > 0) {
    found.push(
      finding(
        "test-prompts-seen",
        "warning",
        `${seenTestPrompts} of the ${count(splits.test.differentPrompts, "different test prompt")} also stand in another split: accuracy there flatters.`,
        "Give the test split prompts of its own.",
      ),
    );
  }
  if (repeatedLines > 0) {
    found.push(
      finding(
        "repeated-lines",
        "note",
        `${count(repeatedLines, "line")} of the task repeat another one; each different line counts once.`,
      ),
    );
  }
  const order = ["refusal", "warning", "note"] as const;
  return found.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/**
 * @param allowWeak search even if the original can't do the task.
 * @param strict treat every warning as a reason to stop.
 * @throws PithError "task" with the reasons.
 */
export function refuseUnfit(
  { findings }: Preflight,
  { strict, allowWeak }: { readonly strict: boolean; readonly allowWeak: boolean },
  place: ErrorPlace,
): void {
  const refused = allowWeak ? [] : findings.filter(({ severity }) => severity === "refusal");
  const warned = findings.filter(({ severity }) => severity === "warning");
  if (refused.length === 0 && !(strict && warned.length > 0)) return;
  // With a refusal, its possible causes are reported too; with `strict`, all warnings.
  const told = [...refused, ...warned.filter(({ code }) => strict || spellingCodes.includes(code))];
  const advice = told.map((each) => each.advice).filter((each) => each !== "");
  const way =
    refused.length > 0
      ? "To search all the same: --allow-weak (allowWeak)."
      : "Without --strict (strict) this is a warning.";
  throw new PithError("task", told.map(({ sentence }) => sentence).join(" "), {
    place,
    advice: [...new Set(advice), way].join(" "),
  });
}

function accuracyFindings({
  splits,
  original,
  chance,
}: Omit<Preflight, "findings">): readonly PreflightFinding[] {
  const failing = (["validation", "test"] as const).filter((split) => splits[split].original?.right === 0);
  const [first] = failing;
  if (first !== undefined) {
    const asked = failing.map((split) => count(splits[split].original?.prompts ?? 0, `${split} prompt`));
    return [
      finding(
        "zero-accuracy",
        "refusal",
        `The original is right on none of the ${asked.join(" and ")} that it was asked.`,
        "Look whether each prompt ends where its answer begins; a model that can't do a task has no circuit for it.",
      ),
    ];
  }
  if (chance !== undefined && original.interval[0] <= chance) {
    return [
      finding(
        "at-chance",
        "refusal",
        `The original is right on ${describeShare(original)}, and a guess among the labels on ${percent(chance)}.`,
        "Give more prompts, or labels that the model prefers to others.",
      ),
    ];
  }
  if (chance === undefined && original.accuracy < 0.5) {
    return [
      finding(
        "low-accuracy",
        "warning",
        `The original is right on ${describeShare(original)} only.`,
        "A circuit that is faithful to it is wrong as often.",
      ),
    ];
  }
  return [];
}

function spellingFindings({
  spelling,
  original,
  promptsEndingInSpace,
}: Omit<Preflight, "findings">): readonly PreflightFinding[] {
  if (spelling === undefined) return [];
  const { other, example } = spelling;
  const better = other !== undefined && other.accuracy > original.accuracy;
  const compare =
    other === undefined ? "" : ` ${percent(other.accuracy)} of ${count(other.prompts, "prompt")}`;
  if (promptsEndingInSpace > 0) {
    return [
      finding(
        "prompt-ends-in-space",
        better ? "warning" : "note",
        `${promptsEndingInSpace} of ${count(original.prompts, "prompt")} end in a space${
          other === undefined
            ? "."
            : `. With the space before the answers instead, the original is right on${compare}; as it is, on ${percent(original.accuracy)}.`
        }`,
        `Take the space off the prompts, and write the answers as ${quote(example.other)}.`,
      ),
    ];
  }
  if (2 * spelling.otherLikelier <= spelling.compared) return [];
  const accuracies =
    other === undefined
      ? "."
      : `. So written, the original is right on${compare}; as they are, on ${percent(original.accuracy)}.`;
  return [
    finding(
      "answer-spelling",
      better || other === undefined ? "warning" : "note",
      `${likelierText(spelling)}${accuracies}`,
      `Write the answers, and labels if there are any, as ${quote(example.other)}.`,
    ),
  ];
}

function likelierText({ example, otherLikelier, compared }: SpellingPreflight): string {
  const how = example.other.startsWith(" ") ? "with a space before them" : "without the space before them";
  return `On ${otherLikelier} of ${count(compared, "prompt")} the original finds the answers likelier ${how}, ${quote(example.other)} rather than ${quote(example.written)}`;
}

function promptFindings(
  split: Split,
  { examples, differentPrompts }: SplitPreflight,
  purpose: string,
): readonly PreflightFinding[] {
  if (examples === 0) {
    const sentence = "The task has no test prompts: what is reported is of the prompts that decided.";
    return [finding("no-test-prompts", "note", sentence)];
  }
  const found: PreflightFinding[] = [];
  if (differentPrompts < fewPrompts) {
    found.push(
      finding(
        "few-prompts",
        "warning",
        `Only ${count(differentPrompts, `different ${split} prompt`)} ${purpose}.`,
        "With other prompts it may come out otherwise; the paper took 150 for each split.",
      ),
    );
  }
  if (differentPrompts < examples) {
    found.push(
      finding(
        "repeated-prompts",
        2 * differentPrompts <= examples ? "warning" : "note",
        `The ${count(examples, `${split} example`)} hold ${count(differentPrompts, "different prompt")}.`,
      ),
    );
  }
  return found;
}

function finding(
  code: PreflightCode,
  severity: PreflightFinding["severity"],
  sentence: string,
  advice = "",
): PreflightFinding {
  return { code, severity, sentence, advice };
}

function describeShare({ accuracy, prompts, interval: [low, high] }: ShareEstimate): string {
  return `${percent(accuracy)} of ${count(prompts, "prompt")} (95 % interval ${percent(low)} to ${percent(high)})`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
