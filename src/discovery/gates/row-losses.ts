/**
 * The losses of a gated model at the answer positions of its prompts, and their gradients with respect to the residual
 * stream there. A prompt's loss is the mean over its answer positions; the logit difference is that of the first one,
 * for which distractors stand.
 */
import {
  type Loss,
  type LossOperators,
  lossStage,
  predictionStage,
  probeDirection,
  probeStage,
} from "../../lowering/loss-stages.ts";
import { gradientGraph, gradientName } from "../../onnx/gradient.ts";
import { heldValues } from "../../onnx/graph-builder.ts";
import type { HostTensor } from "../../runtime/runtime.ts";
import type { PassTools } from "./gate-passes.ts";
import { type AnswerRow, answerRowsOf, type GatedPrompt } from "./gated-prompt.ts";
import { createLossFeeds } from "./loss-feeds.ts";
import { createRunRows, floatFeed } from "./run-rows.ts";

/** Rows of the residual stream at answer positions, prompt after prompt, [rows, d]. */
export interface AnswerStreams {
  /** Which prompts, by their numbers. */
  readonly prompts: readonly number[];
  readonly rows: Float32Array<ArrayBuffer>;
}

/** ±1 for each token of the vocabulary. @param position among the prompt's answer positions. */
export type ProbeSigns = (prompt: number, position: number) => Float32Array;

export interface RowLosses {
  /** One a prompt. */
  losses(streams: AnswerStreams, loss: Loss): Promise<Float64Array>;
  /**
   * The same, and the gradient of each prompt's loss with respect to its rows, [rows, d].
   * @param operators left out: "onnxruntime".
   */
  gradients(
    streams: AnswerStreams,
    loss: Loss,
    operators?: LossOperators,
  ): Promise<{ readonly losses: Float64Array; readonly upstream: Float32Array }>;
  /** The gradient of Σ u·log q with u = √q∘r − q(√q·r) held constant, r the signs; each of a prompt's n positions counts 1/√n. */
  probe(streams: AnswerStreams, signs: ProbeSigns): Promise<Float32Array>;
  /** The most likely token after each prompt. */
  predictions(streams: AnswerStreams): Promise<Int32Array>;
}

/** The output of a loss's gradient graph, and the input that says how much each row's loss counts. */
const ofStream = gradientName("x");
const ofLoss = gradientName("loss");

/** @param original gives the original's rows of all prompts, when they are asked for first. */
export function createRowLosses(
  { runtime, model, shelf }: Pick<PassTools, "runtime" | "model" | "shelf">,
  prompts: readonly GatedPrompt[],
  original: () => Promise<Float32Array<ArrayBuffer>>,
): RowLosses {
  const { width, vocabularySize } = model;
  const runRows = createRunRows(runtime, shelf, width);
  const feedsFor = createLossFeeds(model, runRows, prompts, original);
  const take = ({ prompts: asked, rows: streams }: AnswerStreams) => ({
    rows: answerRowsOf(prompts, asked),
    streams,
  });
  return {
    async losses(streams, loss) {
      const taken = take(streams);
      const graph = { key: loss, graph: () => lossStage(model, loss), outputs: ["loss"] } as const;
      const out = await runRows(graph, taken, await feedsFor(loss));
      return perPrompt(out.loss, taken.rows, streams.prompts.length, loss);
    },
    async gradients(streams, loss, operators = "onnxruntime") {
      const taken = take(streams);
      const feeds = await feedsFor(loss);
      const graph = () => {
        const stage = lossStage(model, loss, operators);
        return gradientGraph(stage, { of: "loss", wrt: ["x"], keep: ["loss"], held: heldValues(stage) });
      };
      const back = { key: `back ${loss} ${operators}`, graph, outputs: ["loss", ofStream] } as const;
      const out = await runRows(back, taken, (some) => ({ ...feeds(some), ...upstreamFeed(some, loss) }));
      const losses = perPrompt(out.loss, taken.rows, streams.prompts.length, loss);
      return { losses, upstream: out[ofStream] };
    },
    async probe(streams, signs) {
      const taken = take(streams);
      const stage = {
        key: "probe direction",
        graph: () => probeDirection(model),
        outputs: ["direction"],
      } as const;
      const { direction } = await runRows(stage, taken, (some) => {
        const data = new Float32Array(some.length * vocabularySize);
        for (const [at, { prompt, position }] of some.entries())
          data.set(signs(prompt, position), at * vocabularySize);
        return { signs: floatFeed([some.length, vocabularySize], data) };
      });
      const graph = () => gradientGraph(probeStage(model), { of: "loss", wrt: ["x"] });
      const back = { key: "back probe", graph, outputs: [ofStream] } as const;
      const out = await runRows(back, taken, (some, start) => ({
        direction: floatFeed(
          [some.length, width],
          direction.slice(start * width, (start + some.length) * width),
        ),
        // A prompt's loss is the mean over its n positions, and so is its curvature. Signs are independent between positions,
        // so that squares of the whole add up as squares of the parts: each part counts 1/√n.
        [ofLoss]: floatFeed(
          [some.length],
          Float32Array.from(some, ({ of }) => 1 / Math.sqrt(of)),
        ),
      }));
      return out[ofStream];
    },
    async predictions(streams) {
      const taken = take(streams);
      const stage = {
        key: "prediction",
        graph: () => predictionStage(model),
        outputs: ["prediction"],
      } as const;
      const { prediction } = await runRows(stage, taken, () => ({}));
      const last = taken.rows.flatMap((row, at) =>
        row.position === row.of - 1 ? [prediction[at] ?? 0] : [],
      );
      return Int32Array.from(last);
    },
  };
}

/** How much each row's loss counts. */
function upstreamFeed(rows: readonly AnswerRow[], loss: Loss): Record<string, HostTensor> {
  const weights = Float32Array.from(rows, (row) => weightOf(row, loss));
  return { [ofLoss]: floatFeed([rows.length], weights) };
}

/** How much a row counts in its prompt's loss. */
function weightOf({ position, of }: AnswerRow, loss: Loss): number {
  switch (loss) {
    case "kl":
    case "cross-entropy":
      return 1 / of;
    case "logit-difference":
      return position === 0 ? 1 : 0;
  }
}

function perPrompt(
  values: Float32Array,
  rows: readonly AnswerRow[],
  prompts: number,
  loss: Loss,
): Float64Array {
  const losses = new Float64Array(prompts);
  for (const [at, row] of rows.entries()) {
    losses[row.place] = (losses[row.place] ?? 0) + weightOf(row, loss) * (values[at] ?? Number.NaN);
  }
  return losses;
}
