/**
 * Answers questions about a finished circuit: its original's answer to a prompt, the answer without certain
 * components, the attention of its heads, the contributions of its parts. Models are loaded when they are first
 * needed.
 */

import { PithError } from "../../errors.ts";
import { promptIds } from "../../export/ask-circuit.ts";
import type { CircuitFolder } from "../../export/read-folder.ts";
import { attentionPatterns } from "../../inspect/attention-patterns.ts";
import { attributeAnswers } from "../../inspect/attribution.ts";
import type { Model } from "../../jobs/load-model.ts";
import { logProbabilities, mostLikely } from "../../measure/distribution.ts";
import { engineMilliseconds } from "../../measure/engine-time.ts";
import { partName } from "../../report/html/inside-section.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import { componentTitle } from "../../transformer/component.ts";
import type {
  AttributionResult,
  ExamplesResult,
  PatternsResult,
  RankingResult,
  ServerPrediction,
} from "../api.ts";
import type { RunRecord } from "../runs/run-folder.ts";
import { tokenTexts } from "../tasks.ts";
import { checkKept, lastLogits, openLaboratoryModels } from "./laboratory-models.ts";
import { createTurns } from "./turns.ts";

export interface Laboratory {
  predict(prompt: string): Promise<ServerPrediction>;
  /** The patched model that keeps exactly these components. */
  knock(prompt: string, kept: Circuit): Promise<ServerPrediction>;
  /** @param kept left out: the circuit's own components. */
  patterns(prompt: string, kept?: Circuit): Promise<PatternsResult>;
  attribution(prompt: string, question: AttributionQuestion): Promise<AttributionResult>;
  examples(): Promise<ExamplesResult>;
  ranking(name: string): Promise<RankingResult>;
  close(): Promise<void>;
}

interface AttributionQuestion {
  /** One token; left out: the circuit's own most likely token. */
  readonly answer?: string | undefined;
  /** Left out: the circuit's own components. */
  readonly kept?: Circuit | undefined;
}

const shownTokens = 10;

/**
 * @param record of a finished extraction. @throws PithError "circuit" for a folder that does not match its
 * circuit.json.
 */
export async function openLaboratory(
  record: RunRecord,
  model: Model,
  threads: number | undefined,
): Promise<Laboratory> {
  const models = await openLaboratoryModels(record, model, threads);
  const { folder, runtime } = models;
  const inTurn = createTurns();
  const timed = createTimedAnswers(folder, runtime, model);
  return {
    predict: (prompt) =>
      inTurn(() =>
        timed(prompt, async () => {
          const original = await models.original();
          return { owner: original, logits: (ids) => lastLogits(runtime, original, ids) };
        }),
      ),
    knock(prompt, kept) {
      checkKept(folder, kept);
      return inTurn(() =>
        timed(prompt, async () => {
          const knocked = await models.knocked();
          return { owner: knocked, logits: (ids) => knocked.logits(ids, kept) };
        }),
      );
    },
    patterns: (prompt, kept) =>
      inTurn(async () => {
        const ids = promptIds(folder, prompt);
        const [heads = []] = await attentionPatterns(runtime, await models.inside(kept), [ids]);
        return {
          tokens: tokenTexts(model, ids),
          heads: heads.map(({ layer, head, weights: values }) => ({
            ...{ layer, head },
            pattern: ids.map((_, query) => [
              ...values.subarray(query * ids.length, (query + 1) * ids.length),
            ]),
          })),
        };
      }),
    attribution: (prompt, { answer, kept }) =>
      inTurn(async () => {
        const ids = promptIds(folder, prompt);
        const token =
          answer === undefined
            ? mostLikely(await lastLogits(runtime, await models.own(), ids))
            : oneToken(model, answer);
        const { parts, totals } = await attributeAnswers(runtime, await models.inside(kept), [
          { ids, answers: [token] },
        ]);
        return {
          answer: model.tokenizer.tokenText(token),
          parts: parts.map(({ part, centred }) => ({ name: partName(part), value: centred.mean })),
          total: totals[0] ?? Number.NaN,
        };
      }),
    examples: () => inTurn(models.examples),
    ranking: (name) =>
      inTurn(async () => {
        const { rankings, components } = await models.ranking(name);
        const [ranking] = rankings;
        if (ranking === undefined) throw new RangeError("a ranking without its name");
        return {
          ...ranking,
          components: components.map(({ component, scores, ...rest }) => ({
            ...{ name: componentTitle(component), score: scores[0] ?? Number.NaN, ...rest },
          })),
        };
      }),
    close: models.close,
  };
}

/** A source of the logits after a prompt's last token. */
interface LogitsSource {
  /** Stays the same object while the memory that a first run prepared is kept. */
  readonly owner: object;
  logits(ids: readonly number[]): Promise<Float32Array>;
}

/** @returns answers with ONNX Runtime's time for the prompt alone: a source runs once before it is timed. */
function createTimedAnswers(folder: CircuitFolder, runtime: Runtime, model: Model) {
  const warm = new WeakSet<object>();
  return async (prompt: string, load: () => Promise<LogitsSource>): Promise<ServerPrediction> => {
    const ids = promptIds(folder, prompt);
    const { owner, logits: logitsOf } = await load();
    if (!warm.has(owner)) await logitsOf(ids);
    warm.add(owner);
    const before = engineMilliseconds(runtime);
    const logits = await logitsOf(ids);
    const milliseconds = engineMilliseconds(runtime) - before;
    return { tokens: tokenTexts(model, ids), ids, top: topTokens(logits, model), milliseconds };
  };
}

function topTokens(logits: Float32Array, { tokenizer }: Model): ServerPrediction["top"] {
  const logged = logProbabilities(logits);
  return Array.from(logits.keys())
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0))
    .slice(0, shownTokens)
    .map((id) => ({
      id,
      text: tokenizer.tokenText(id),
      probability: Math.exp(logged[id] ?? Number.NaN),
      logit: logits[id] ?? Number.NaN,
    }));
}

function oneToken({ tokenizer }: Model, text: string): number {
  const ids = tokenizer.encode(text);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return only;
  const shown = ids.map((id) => tokenizer.tokenText(id)).join("|");
  throw new PithError("options", `is ${ids.length} tokens, ${shown}; it must be one.`, {
    place: { field: "answer" },
    advice: "Words inside a text carry the space before them.",
  });
}
