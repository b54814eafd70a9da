/**
 * Compiles a circuit for the words of its task: everything below and up to the lowest heads is computed once for
 * each (token, position) pair that a prompt may contain, and stored as a table.
 */
import { joinFloats } from "../join-floats.ts";
import { type CompiledModel, firstRowOfLast, type PromptVocabulary } from "../lowering/compiled.ts";
import { type KeptPart, partsOf } from "../lowering/kept-part.ts";
import { lowerTables } from "../lowering/tables.ts";
import type { HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import { type Range, sliceRows, sliceVector } from "../transformer/slice.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";
import { constantWeight, type Weight } from "../transformer/weight.ts";

/** Limits the size of the largest activation in one run. */
const rowsPerRun = 1024;

/**
 * @param model the result of `fitLength`, or the model read from an aligned circuit's folder.
 * @returns a model that computes the same on prompts of that vocabulary, restricted to its answers.
 * @throws RangeError for a vocabulary that is empty at some position, out of order, or not within the model's.
 */
export async function compileCircuit(
  runtime: Runtime,
  model: FoldedTransformer,
  vocabulary: PromptVocabulary,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<CompiledModel> {
  for (const ids of [...vocabulary.positions, vocabulary.answers]) checkIds(ids, model.vocabularySize);
  const ranges = vocabulary.answers.map((id): Range => [id, id + 1]);
  const unembedding = { ...sliceRows(model.unembedding, ranges), name: "unembedding" };
  const unembeddingBias = model.unembeddingBias && {
    ...sliceVector(model.unembeddingBias, ranges),
    name: "unembedding.bias",
  };
  const scored = { unembedding, unembeddingBias };
  const parts = partsOf(model);
  const at = parts.findIndex(({ kind }) => kind !== "mlp");
  const lowest = parts[at];
  const tables = await computeTables(runtime, model, scored, vocabulary.positions, signal);
  const common = { width: model.width, vocabulary };
  const lastRows = firstRowOfLast(vocabulary.positions);
  if (lowest === undefined || lowest.kind === "mlp") {
    return { ...common, kind: "answers", scores: tables("scores", "table.scores", lastRows) };
  }
  const { attention, queries } = lowest;
  const from = queries === "last" ? lastRows : 0;
  const [next, ...rest] = parts.slice(at + 1);
  return {
    ...common,
    kind: "heads",
    lowest: { ...attention, queries },
    residual: tables("residual", "table.residual", from),
    query: tables("query", "table.query", from),
    keyValue: tables("key_value", "table.key_value", 0),
    above: next === undefined ? [] : [withoutConstant(next), ...rest],
    end: { ...model, ...scored, ...(next === undefined && { finalBias: undefined }) },
  };
}

/** Gives a table by the name of the graph's output, beginning at a row. */
type Tables = (output: string, name: string, from: number) => Weight;

async function computeTables(
  runtime: Runtime,
  model: FoldedTransformer,
  {
    unembedding,
    unembeddingBias,
  }: { readonly unembedding: Weight; readonly unembeddingBias: Weight | undefined },
  vocabulary: PromptVocabulary["positions"],
  signal: AbortSignal | undefined,
): Promise<Tables> {
  const pairs = vocabulary.flatMap((tokens, position) => tokens.map((token) => ({ token, position })));
  const chunks = new Map<string, Float32Array[]>();
  const session = await runtime.load(lowerTables(model, unembedding, unembeddingBias));
  try {
    for (let start = 0; start < pairs.length; start += rowsPerRun) {
      signal?.throwIfAborted();
      const part = pairs.slice(start, start + rowsPerRun);
      const outputs = await runPart(runtime, session, part);
      for (const [name, values] of outputs) chunks.set(name, [...(chunks.get(name) ?? []), values]);
    }
  } finally {
    await session.unload();
  }
  return (output, name, from) => {
    const parts = chunks.get(output);
    if (parts === undefined) throw new TypeError(`the tables lack ${output}`);
    const values = joinFloats(parts);
    const width = values.length / pairs.length;
    return constantWeight(name, [pairs.length - from, width], values.slice(from * width));
  };
}

async function runPart(
  runtime: Runtime,
  session: Session,
  pairs: readonly { readonly token: number; readonly position: number }[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const column = (of: "token" | "position"): HostTensor => ({
    type: "int64",
    shape: [pairs.length],
    data: BigInt64Array.from(pairs, (pair) => BigInt(pair[of])),
  });
  const outputs = await session.run({ tokens: column("token"), positions: column("position") });
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of Object.entries(outputs)) values.set(name, await runtime.readFloats(tensor));
  await runtime.release(...Object.values(outputs));
  return values;
}

function withoutConstant(part: KeptPart): KeptPart {
  switch (part.kind) {
    case "mlp":
      return { ...part, mlp: { ...part.mlp, residualBias: undefined } };
    case "heads":
    case "both":
      return { ...part, attention: { ...part.attention, residualBias: undefined } };
  }
}

function checkIds(ids: readonly number[], vocabularySize: number): void {
  const isValid =
    ids.length > 0 &&
    ids.every((id, index) => Number.isInteger(id) && id > (ids[index - 1] ?? -1) && id < vocabularySize);
  if (!isValid) throw new RangeError(`[${ids.join(", ").slice(0, 80)}] are no ascending token ids`);
}
