/** What losses are fed beside the residual stream at answer positions: the original's targets, and answers. */
import { PithError } from "../../errors.ts";
import { absentLogit, type Loss, lossStage } from "../../lowering/loss-stages.ts";
import { scoreReference } from "../../lowering/stages.ts";
import type { HostTensor } from "../../runtime/runtime.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type AnswerRow, answerRowsOf, type GatedPrompt } from "./gated-prompt.ts";
import { floatFeed, type RunRows } from "./run-rows.ts";

/** The inputs of a loss's graph for some rows. */
type FeedsOfRows = (rows: readonly AnswerRow[]) => Record<string, HostTensor>;

/** @param original gives the original's rows of all prompts, when they are asked for first. */
export function createLossFeeds(
  model: Transformer,
  runRows: RunRows,
  prompts: readonly GatedPrompt[],
  original: () => Promise<Float32Array<ArrayBuffer>>,
): (loss: Loss) => Promise<FeedsOfRows> {
  const { width } = model;
  const all = answerRowsOf(prompts, [...prompts.keys()]);
  const starts = new Map(all.map(({ prompt, position }, at) => [prompt, at - position]));
  let reference: Promise<Reference> | undefined;
  const acceptedOf = tokensOf(
    ({ prompt, position }) => prompts[prompt]?.accepted[position],
    "accepted answer",
  );
  const distractorsOf = tokensOf(({ prompt }) => prompts[prompt]?.distractors, "distractor");
  return async (loss) => {
    switch (loss) {
      case "kl": {
        reference ??= readReference(model, runRows, all, await original());
        const known = await reference;
        return (rows) =>
          referenceFeeds(
            known,
            rows.map(({ prompt, position }) => (starts.get(prompt) ?? 0) + position),
            width,
          );
      }
      case "cross-entropy":
        return (rows) => tokenFeeds(acceptedOf(rows), "answers", "absent");
      case "logit-difference":
        return (rows) => ({
          ...tokenFeeds(acceptedOf(rows), "answers", "absent"),
          ...tokenFeeds(distractorsOf(rows), "distractors", "absentDistractors"),
        });
    }
  };
}

/** What KL is measured against, for the rows of all prompts. */
interface Reference {
  /** [rows, d]. */
  readonly targets: Float32Array<ArrayBuffer>;
  /** H(P, P) in nats, [rows]. */
  readonly entropy: Float32Array<ArrayBuffer>;
}

async function readReference(
  model: Transformer,
  runRows: RunRows,
  rows: readonly AnswerRow[],
  streams: Float32Array<ArrayBuffer>,
): Promise<Reference> {
  const taken = { rows, streams };
  const { target: targets } = await runRows(
    { key: "reference", graph: () => scoreReference(model), outputs: ["target"] },
    taken,
    () => ({}),
  );
  // By the graph that measures gated models, so that rounding errors of both cancel.
  const { loss } = await runRows(
    { key: "kl", graph: () => lossStage(model, "kl"), outputs: ["loss"] },
    taken,
    (some, start) => ({
      target: floatFeed(
        [some.length, model.width],
        targets.slice(start * model.width, (start + some.length) * model.width),
      ),
      entropy: floatFeed([some.length], new Float32Array(some.length)),
    }),
  );
  return { targets, entropy: loss };
}

function referenceFeeds(
  { targets, entropy }: Reference,
  rows: readonly number[],
  width: number,
): Record<string, HostTensor> {
  const data = new Float32Array(rows.length * width);
  for (const [at, row] of rows.entries())
    data.set(targets.subarray(row * width, (row + 1) * width), at * width);
  return {
    target: floatFeed([rows.length, width], data),
    entropy: floatFeed(
      [rows.length],
      Float32Array.from(rows, (row) => entropy[row] ?? Number.NaN),
    ),
  };
}

/** @throws PithError "task" for a prompt that has no such tokens. */
function tokensOf(
  find: (row: AnswerRow) => readonly number[] | undefined,
  what: string,
): (rows: readonly AnswerRow[]) => readonly (readonly number[])[] {
  return (rows) =>
    rows.map((row) => {
      const tokens = find(row);
      if (tokens !== undefined && tokens.length > 0) return tokens;
      throw new PithError("task", `prompt ${row.prompt + 1} has no ${what}, which the loss needs.`, {
        advice: "KL needs none: leave the loss out, or add them to the task file.",
      });
    });
}

/** Tokens of rows with unequal numbers of them: a row with fewer repeats its first one. */
function tokenFeeds(
  tokens: readonly (readonly number[])[],
  name: string,
  absentName: string,
): Record<string, HostTensor> {
  const most = Math.max(...tokens.map(({ length }) => length));
  const shape = [tokens.length, most];
  const padded = tokens.flatMap((own) => Array.from({ length: most }, (_, at) => own[at]));
  const ids = padded.map((token, at) => BigInt(token ?? tokens[Math.floor(at / most)]?.[0] ?? 0));
  return {
    [name]: { type: "int64", shape, data: BigInt64Array.from(ids) },
    [absentName]: floatFeed(
      shape,
      Float32Array.from(padded, (token) => (token === undefined ? absentLogit : 0)),
    ),
  };
}
