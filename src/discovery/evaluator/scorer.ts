/**
 * KL(original ‖ candidate) at the answer positions, in nats, from a candidate's residual stream there. The
 * unembedding is sent to the runtime once for the reference and once for all candidates. An answer of several
 * tokens has as many positions, a prompt's last ones: its KL is their mean.
 */
import type { DeviceTensor, HostTensor, Runtime } from "../../runtime/runtime.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { type Constant, constantTensor, zeroConstant } from "../constant.ts";
import { loadUnembedding, type Unembedding } from "../unembedding.ts";
import {
  type AnswerRows,
  answerRows,
  type Group,
  gatherRows,
  joinByPosition,
  joinEverywhere,
  meanOfEach,
  rowsOfMembers,
} from "./answer-rows.ts";
import { createCrossEntropy } from "./cross-entropy.ts";

export interface Scorer {
  /** The original's most likely next token after each prompt's last position. */
  readonly predictions: readonly number[];
  /** Whether any prompt has several answer positions; then candidates are computed at all positions. */
  readonly readsAll: boolean;
  /**
   * @param residual for each group [prompts, n, d], with the answer's positions last; they are not released.
   * @param constant added before the final norm.
   * @param groups which prompts of the set each tensor holds.
   * @param visit gets the logits; for this the unembedding is sent to the runtime once more.
   * @returns KL of each prompt, in the order of the set.
   */
  score(
    residual: readonly DeviceTensor[],
    constant: Constant,
    groups: readonly Group[],
    visit?: VisitAnswers,
  ): Promise<Float64Array>;
  /**
   * The same for one group. @param residual of that group; it is not released.
   * @returns KL of each of its prompts, in the group's order.
   */
  scoreGroup(residual: DeviceTensor, constant: Constant, group: Group): Promise<Float64Array>;
  /**
   * Several candidates at once: each tensor holds its group's prompts once for each of them, candidate by candidate.
   * @returns for each candidate the KL of each prompt.
   */
  scoreStacked(
    residual: readonly DeviceTensor[],
    candidates: number,
    constant: Constant,
    groups: readonly Group[],
  ): Promise<readonly Float64Array[]>;
  close(): Promise<void>;
}

/** Called once for each prompt, in the order of the set, with its logits [answer positions × vocabulary]. */
export type VisitAnswers = (index: number, logits: Float32Array) => void;

/** Positions whose logits are passed to `visit` at a time. */
const rowsPerVisit = 64;

/**
 * @param final the original's residual stream after the last layer, for each batch [prompts, length, d].
 * @param scored how many of each prompt's last positions are the answer's; by default one.
 * @throws RangeError if a prompt has fewer positions than are scored, or none is.
 */
export async function createScorer(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  final: readonly DeviceTensor[],
  scored?: readonly number[],
): Promise<Scorer> {
  const { width } = model;
  const answers = answerRows(batches, scored);
  const [original = new Float32Array()] = await gatherRows(runtime, answers, width, final, batches);
  const crossEntropy = await createCrossEntropy(runtime, model, original);
  const nothing = constantTensor(zeroConstant({ kind: "one" }, width), "last", 1);
  // Computed by the same graph as the candidates', so that rounding errors in H(P, Q) cancel.
  const entropy = await crossEntropy.ofRows(original, nothing);

  let unembedding: Promise<Unembedding> | undefined;

  // A constant that differs by position differs by row: it is added to the rows here, other constants in the
  // graph.
  const joinsByRow = ({ rows }: Constant) =>
    (rows.kind === "each" && answers.several) || (rows.kind === "apart" && answers.first);
  const joinRows = (rows: Float32Array<ArrayBuffer>, constant: Constant): HostTensor => {
    if (!joinsByRow(constant)) return constantTensor(constant, "last", 1);
    joinByPosition(rows, constant, answers);
    return nothing;
  };
  const klOf = (values: Float64Array): Float64Array => {
    const kl = values.map((value, index) => value - (entropy[index] ?? 0));
    return answers.several ? meanOfEach(kl, answers) : kl;
  };

  return {
    predictions: answers.ofPrompt.map(({ end }) => crossEntropy.predictions[end - 1] ?? 0),
    readsAll: answers.several,
    async score(residual, constant, groups, visit) {
      const [rows = new Float32Array()] = await gatherRows(runtime, answers, width, residual, groups);
      const values = await crossEntropy.ofRows(rows, joinRows(rows, constant));
      if (visit !== undefined) {
        if (!joinsByRow(constant)) joinEverywhere(rows, constant);
        unembedding ??= loadUnembedding(runtime, model);
        await visitLogits(await unembedding, rows, model, answers, visit);
      }
      return klOf(values);
    },
    async scoreGroup(residual, constant, group) {
      const [all = new Float32Array()] = await gatherRows(runtime, answers, width, [residual], [group]);
      const joined = joinRows(all, constant);
      const { indices, own } = rowsOfMembers(answers, group.members);
      const rows = new Float32Array(indices.length * width);
      for (const [at, row] of indices.entries())
        rows.set(all.subarray(row * width, (row + 1) * width), at * width);
      const values = await crossEntropy.ofSome(indices, rows, joined);
      const kl = values.map((value, at) => value - (entropy[indices[at] ?? 0] ?? 0));
      return meanOfEach(kl, own);
    },
    async scoreStacked(residual, candidates, constant, groups) {
      const all = await gatherRows(runtime, answers, width, residual, groups, candidates);
      const [joined] = all.map((rows) => joinRows(rows, constant));
      if (joined === undefined) return [];
      const kls: Float64Array[] = [];
      for (let first = 0; first < candidates; first += crossEntropy.setsPerRun) {
        const some = all.slice(first, first + crossEntropy.setsPerRun);
        const [only] = some;
        const values =
          only !== undefined && some.length === 1
            ? [await crossEntropy.ofRows(only, joined)]
            : await crossEntropy.ofSets(some, joined);
        kls.push(...values.map(klOf));
      }
      return kls;
    },
    async close() {
      await (await unembedding)?.unload();
      await crossEntropy.close();
    },
  };
}

/** Unembeds a few prompts at a time, which limits memory. */
async function visitLogits(
  unembedding: Unembedding,
  rows: Float32Array<ArrayBuffer>,
  { width, vocabularySize }: Transformer,
  { ofPrompt }: AnswerRows,
  visit: VisitAnswers,
): Promise<void> {
  let first = 0;
  while (first < ofPrompt.length) {
    const from = ofPrompt[first]?.start ?? 0;
    let next = first + 1;
    while (next < ofPrompt.length && (ofPrompt[next]?.end ?? 0) - from <= rowsPerVisit) next++;
    const to = ofPrompt[next - 1]?.end ?? from;
    const values = await unembedding.logits(rows.slice(from * width, to * width));
    for (let prompt = first; prompt < next; prompt++) {
      const { start, end } = ofPrompt[prompt] ?? { start: 0, end: 0 };
      visit(prompt, values.subarray((start - from) * vocabularySize, (end - from) * vocabularySize));
    }
    first = next;
  }
}
