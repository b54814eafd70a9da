/** A distillation for a terminal: the student beside the circuit. */
import type { Distillation } from "../jobs/distill/distill.ts";
import { formatCount, formatDuration, formatKl, formatShare, plural } from "./format.ts";
import { layOut, type Row } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export interface DistilledBeside {
  readonly circuit: {
    /** Shares of right answers; undefined where circuit.json has none. */
    readonly validation: number | undefined;
    readonly test: number | undefined;
  };
  /** What the paper's table has in this place. */
  readonly published: { readonly layers: number; readonly accuracy: number } | undefined;
  readonly folder: string;
}

export function distillationReport(
  { student, circuitSize, numbers, prompts, original, best, curve, seconds }: Distillation,
  { circuit, published, folder }: DistilledBeside,
  style: TerminalStyle,
): string {
  const percent = (share: number | undefined) => (share === undefined ? "not measured" : formatShare(share));
  const accuracies = (validation: number | undefined, test: number | undefined) =>
    `${percent(validation)} of ${plural(prompts.validation, "validation prompt")}, ${percent(test)} of ${plural(prompts.test, "test prompt")}`;
  const epochs = curve.at(-1)?.epoch ?? 0;
  const rows: readonly Row[] = [
    [
      "student",
      `${plural(student.layers, "layer")}, ${formatCount(student.parameters.body)} weights in heads and MLPs; the circuit has ${formatCount(circuitSize)}`,
      accuracies(best.validation.accuracy, best.test?.accuracy),
      `KL ${formatKl(best.validation.kl)} nats${best.test === undefined ? "" : `, on test prompts ${formatKl(best.test.kl)}`}, after ${plural(best.epoch, "epoch")}, ${plural(best.steps, "step")}`,
    ],
    ["circuit", accuracies(circuit.validation, circuit.test)],
    ["original", accuracies(original.validation, original.test)],
    ...(published === undefined
      ? []
      : [
          [
            "published",
            `${formatShare(published.accuracy)}, a student of ${plural(published.layers, "layer")} on GPT-2 small`,
          ] as const,
        ]),
    [
      "training",
      `${plural(prompts.patching, "prompt")}, ${plural(epochs, "epoch")} of at most ${numbers.epochs}, batches of ${numbers.batch}, Adam ${numbers.learningRate}, seed ${numbers.seed}; ${formatDuration(seconds)}`,
    ],
    ["note", studentNote],
    ["files", `${folder}: distillation.json, curve.csv, curve.svg`],
  ];
  return layOut(rows, style)
    .map((line) => line.trimEnd())
    .join("\n");
}

/** What the comparison rests on. */
export const studentNote =
  "The paper published no code for its students. This is a new implementation from its text, which leaves open which logits, which start, which batches and how often the accuracy is measured: here the logits at the answer, GPT-2's random start, and the other settings above.";
