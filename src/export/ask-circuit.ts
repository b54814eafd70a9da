/**
 * Asks a shipped circuit one prompt: it makes the tokens, checks that the circuit accepts the prompt, and gives
 * the tokens that the circuit expects next. Runs in a browser.
 */
import { type ErrorPlace, PithError } from "../errors.ts";
import { scoredAtEnd } from "../measure/answer-logits.ts";
import { compiledScores, findStranger } from "../measure/compiled-scores.ts";
import { logProbabilities } from "../measure/distribution.ts";
import { type ShippedGraph, shippedLogits } from "../measure/shipped-logits.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import { chatTemplateOf } from "../tokenizer/chat-template.ts";
import { type PromptManner, promptTokens } from "../tokenizer/prompt-ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { keptHeads } from "../transformer/circuit.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import type { CircuitFile } from "./circuit-file.ts";

/** A circuit and the tokenizer that is shipped with it. */
export interface CircuitWords {
  readonly circuit: CircuitFile;
  readonly tokenizer: Tokenizer;
}

/** A token that a circuit expects next. */
export interface Prediction {
  /** The token's id. */
  readonly id: number;
  /** The token's text, printable: " Mary". */
  readonly text: string;
  /** Its probability, 0 to 1: among all tokens, or among the answers for a compiled circuit. */
  readonly probability: number;
  /** Its logit. */
  readonly logit: number;
}

/**
 * The most likely next tokens, in descending order.
 * @param ids as {@link promptIds} gives them.
 * @throws PithError "task" for tokens that the circuit was not compiled for.
 */
export async function askCircuit(
  words: CircuitWords,
  runtime: Runtime,
  session: Session,
  ids: readonly number[],
  count: number,
): Promise<readonly Prediction[]> {
  const { circuit, tokenizer } = words;
  let predictions: readonly Prediction[] = [];
  if (circuit.compiled === undefined) {
    await shippedLogits(runtime, session, shippedGraph(circuit), [scoredAtEnd(ids)], (_, logits) => {
      predictions = mostLikely(logits, tokenizer, count);
    });
    return predictions;
  }
  const { answers } = circuit.compiled;
  checkWords(words, ids, {});
  await compiledScores(
    runtime,
    session,
    circuit.compiled,
  )([scoredAtEnd(ids)], (_, scores) => {
    predictions = mostLikely(scores, tokenizer, count, (place) => answers[place]?.id ?? place);
  });
  return predictions;
}

/** The prompt's tokens as at extraction; its length is not checked. */
export function idsWithStart({ circuit, tokenizer }: CircuitWords, prompt: string): readonly number[] {
  return promptTokens(tokenizer, prompt, circuitManner({ circuit, tokenizer }), circuit.task.chat?.system);
}

/** How a circuit's prompts are read. @throws PithError "tokenizer" where the folder's chat template is gone. */
export function circuitManner({ circuit: { task }, tokenizer }: CircuitWords): PromptManner {
  const chat = task.chat === undefined ? undefined : chatTemplateOf(tokenizer.files);
  return { start: task.bos ? tokenizer.endOfTextId : undefined, chat };
}

/**
 * The prompt's tokens as at extraction. @throws PithError "task" for a prompt of a length that the circuit does
 * not accept.
 */
export function promptIds(words: CircuitWords, prompt: string): readonly number[] {
  const { circuit, tokenizer } = words;
  const ids = idsWithStart(words, prompt);
  if (ids.length === 0) throw new PithError("task", "the prompt is empty.");
  if (circuit.profile.kind === "aligned" && ids.length !== circuit.profile.length) {
    const shown = ids.map((id) => tokenizer.tokenText(id)).join("|");
    throw new PithError(
      "task",
      `this circuit takes prompts of exactly ${circuit.profile.length} tokens, but this one has ${ids.length}: ${shown}.`,
      { advice: "Circuits with pooled means (--means pooled) take any length." },
    );
  }
  const { context } = circuit.model;
  if (ids.length > context) {
    throw new PithError("task", `the prompt has ${ids.length} tokens, but the context takes ${context}.`);
  }
  return ids;
}

/** @throws PithError "task" that names the first token that the circuit was not compiled for. */
export function checkWords(
  { circuit, tokenizer }: CircuitWords,
  ids: readonly number[],
  place: ErrorPlace,
): void {
  const stranger = circuit.compiled && findStranger(circuit.compiled, ids);
  if (stranger === undefined) return;
  const { id, position } = stranger;
  const elsewhere = circuit.compiled?.tokens.some((tokens) => tokens.includes(id)) === true;
  throw new PithError(
    "task",
    `this circuit was not compiled for the token "${tokenizer.tokenText(id)}" (${id}) as the prompt's token ${position + 1}${elsewhere ? ", though it knows it elsewhere" : ""}.`,
    {
      place,
      advice:
        "Compile it with prompts that have it there (--vocabulary), or run the circuit that was compiled.",
    },
  );
}

/** @param idOf the token of an index among the logits. */
function mostLikely(
  logits: Float32Array,
  tokenizer: Tokenizer,
  count: number,
  idOf: (place: number) => number = (place) => place,
): readonly Prediction[] {
  const probabilities = logProbabilities(logits).map(Math.exp);
  return Array.from(probabilities.keys())
    .sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0))
    .slice(0, count)
    .map((place) => ({
      id: idOf(place),
      text: tokenizer.tokenText(idOf(place)),
      probability: probabilities[place] ?? 0,
      logit: logits[place] ?? Number.NaN,
    }));
}

/** The facts about a circuit that {@link shippedLogits} needs. */
export function shippedGraph(circuit: CircuitFile): ShippedGraph {
  const { profile, model, structure } = circuit;
  const { vocabulary } = model;
  if (structure === undefined) return { profile, vocabulary, ...cachesOfOldCircuit(circuit) };
  const attentions = structure.blocks.flatMap(({ attention }) => attention ?? []);
  const cacheHeads = attentions.map(({ keyValueHeads }) => keyValueHeads.length);
  // A circuit without attention may still have a cache, which nothing reads.
  const said = profile.kind === "decoder" ? profile.headWidth : undefined;
  const headWidth = attentions[0]?.headWidth ?? said ?? cachesOfOldCircuit(circuit).headWidth;
  return { profile, vocabulary, cacheHeads, headWidth, valueWidths: attentions.map(valueWidthOf) };
}

/**
 * Circuits of format 1 are GPT-2's: they have as many key/value heads as heads, and the heads share the stream's
 * width.
 */
function cachesOfOldCircuit(circuit: CircuitFile): Pick<ShippedGraph, "cacheHeads" | "headWidth"> {
  const { model } = circuit;
  const kept = model.heads.map((_, layer) => keptHeads(circuit.kept, layer).length);
  return {
    cacheHeads: kept.filter((count) => count > 0),
    headWidth: model.width / Math.max(1, model.heads[0] ?? 1),
  };
}
