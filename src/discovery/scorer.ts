/**
 * KL(original ‖ candidate) at the answer positions, in nats, from a candidate's residual stream there. The
 * unembedding crosses into the runtime once for the reference and once for all candidates. An answer of several
 * tokens has as many positions, a prompt's last ones: its KL is their mean.
 */
import { score, scoreReference, unembed } from "../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";
import { type Constant, constantTensor, zeroConstant } from "./constant.ts";

export interface Scorer {
  /** The original's most likely next token after each prompt's last position. */
  readonly predictions: readonly number[];
  /** Whether some prompt has several answer positions: then candidates are computed at all positions. */
  readonly readsAll: boolean;
  /**
   * @param residual for each group [prompts, n, d], its last positions being the answer's; they are not released.
   * @param constant joins before the final norm.
   * @param groups which prompts of the set each tensor holds.
   * @param visit sees the logits; for this the unembedding crosses into the runtime once more.
   * @returns KL of each prompt, in the order of the set.
   */
  score(
    residual: readonly DeviceTensor[],
    constant: Constant,
    groups: readonly Group[],
    visit?: VisitAnswers,
  ): Promise<Float64Array>;
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

/** Prompts that go through the graphs together. */
export type Group = Pick<Batch, "members" | "length">;

/**
 * Positions scored in one run: bounds the logits to this many rows of the vocabulary. A graphics card gets more at
 * once (206 MB of GPT-2's), since starting a run costs as much as a small one.
 */
const rowsPerRunOn = { cpu: 256, webgpu: 1024 } as const;

/** Positions whose logits are handed out at a time. */
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
  const rowsOfPrompt = answerRows(batches, scored);
  const count = rowsOfPrompt.at(-1)?.end ?? 0;
  const readsAll = count > rowsOfPrompt.length;
  const rowsPerRun = rowsPerRunOn[runtime.device];

  /** The answer positions' rows of each candidate, the prompts in the order of the set. */
  const gather = async (
    residual: readonly DeviceTensor[],
    groups: readonly Group[],
    candidates: number,
  ): Promise<readonly Float32Array<ArrayBuffer>[]> => {
    const all = Array.from({ length: candidates }, () => new Float32Array(count * width));
    for (const [index, { members }] of groups.entries()) {
      const tensor = residual[index];
      if (tensor === undefined) throw new RangeError("a batch without a residual stream");
      const values = await runtime.readFloats(tensor);
      const stride = values.length / members.length / candidates;
      for (const [candidate, rows] of all.entries()) {
        for (const [at, member] of members.entries()) {
          const { start, end } = rowsOfPrompt[member] ?? { start: 0, end: 0 };
          const last = (candidate * members.length + at + 1) * stride;
          rows.set(values.subarray(last - (end - start) * width, last), start * width);
        }
      }
    }
    return all;
  };
  const parts = Array.from({ length: Math.ceil(count / rowsPerRun) }, (_, part) => {
    const start = part * rowsPerRun;
    return { start, end: Math.min(count, start + rowsPerRun) };
  });
  const rowsOf = (
    rows: Float32Array<ArrayBuffer>,
    { start, end }: { start: number; end: number },
  ): HostTensor => ({
    type: "float32",
    shape: [end - start, width],
    data: rows.slice(start * width, end * width),
  });

  const [original = new Float32Array()] = await gather(final, batches, 1);
  const reference = await runtime.load(scoreReference(model), { once: true });
  const targets: DeviceTensor[] = [];
  const predictions: number[] = [];
  for (const part of parts) {
    const { target, prediction } = await reference.run({ x: rowsOf(original, part) });
    if (target === undefined || prediction === undefined)
      throw new TypeError("the reference lacks an output");
    targets.push(target);
    predictions.push(...(await runtime.readIntegers(prediction)));
    await runtime.release(prediction);
  }
  await reference.unload();

  const session = await runtime.load(score(model));
  const runScore = async (
    feeds: Readonly<Record<"x" | "constant" | "target", HostTensor | DeviceTensor>>,
  ) => {
    const { crossEntropy: output } = await session.run(feeds);
    if (output === undefined) throw new TypeError("the score lacks its output");
    const values = await runtime.readFloats(output);
    await runtime.release(output);
    return values;
  };
  const crossEntropy = async (
    rows: Float32Array<ArrayBuffer>,
    constant: HostTensor,
  ): Promise<Float64Array> => {
    const values = new Float64Array(count);
    for (const [index, part] of parts.entries()) {
      const target = targets[index];
      if (target === undefined) throw new RangeError("a part without a target");
      values.set(await runScore({ x: rowsOf(rows, part), constant, target }), part.start);
    }
    return values;
  };
  /** Of several candidates in one run, which their rows must fit into. */
  const crossEntropies = async (
    all: readonly Float32Array<ArrayBuffer>[],
    constant: HostTensor,
  ): Promise<readonly Float64Array[]> => {
    const [target] = targets;
    if (target === undefined) throw new RangeError("no target");
    const own = await runtime.readFloats(target);
    const stack = (lists: readonly Float32Array[]): HostTensor => {
      const data = new Float32Array(lists.length * count * width);
      for (const [index, list] of lists.entries()) data.set(list, index * count * width);
      return { type: "float32", shape: [lists.length * count, width], data };
    };
    const values = await runScore({ x: stack(all), constant, target: stack(all.map(() => own)) });
    return all.map((_, index) => Float64Array.from(values.subarray(index * count, (index + 1) * count)));
  };
  // By the same graph as the candidates': what it rounds wrongly in H(P, Q) it rounds wrongly here too.
  const entropy = await crossEntropy(original, constantTensor(zeroConstant(1, width), "last"));

  let unembedding: Promise<Session> | undefined;

  // A constant that differs by position differs by row: it joins the rows here, others in the graph.
  const joinsByRow = (constant: Constant) => readsAll && constant.rows > 1;
  const joinRows = (rows: Float32Array<ArrayBuffer>, constant: Constant): HostTensor => {
    if (!joinsByRow(constant)) return constantTensor(constant, "last");
    joinByPosition(rows, constant, rowsOfPrompt);
    return constantTensor(zeroConstant(1, width), "last");
  };
  const klOf = (values: Float64Array): Float64Array => {
    const kl = values.map((value, index) => value - (entropy[index] ?? 0));
    return readsAll ? meanOfEach(kl, rowsOfPrompt) : kl;
  };

  return {
    predictions: rowsOfPrompt.map(({ end }) => predictions[end - 1] ?? 0),
    readsAll,
    async score(residual, constant, groups, visit) {
      const [rows = new Float32Array()] = await gather(residual, groups, 1);
      const values = await crossEntropy(rows, joinRows(rows, constant));
      if (visit !== undefined) {
        if (!joinsByRow(constant)) joinEverywhere(rows, constant);
        unembedding ??= runtime.load(unembed(model));
        await visitLogits(runtime, await unembedding, rows, model, rowsOfPrompt, visit);
      }
      return klOf(values);
    },
    async scoreStacked(residual, candidates, constant, groups) {
      const all = await gather(residual, groups, candidates);
      const [joined] = all.map((rows) => joinRows(rows, constant));
      if (joined === undefined) return [];
      const together = Math.max(1, Math.floor(rowsPerRun / count));
      const kls: Float64Array[] = [];
      for (let first = 0; first < candidates; first += together) {
        const some = all.slice(first, first + together);
        const [only] = some;
        const values =
          only !== undefined && some.length === 1
            ? [await crossEntropy(only, joined)]
            : await crossEntropies(some, joined);
        kls.push(...values.map(klOf));
      }
      return kls;
    },
    async close() {
      await (await unembedding)?.unload();
      await session.unload();
      await runtime.release(...targets);
    },
  };
}

/** A prompt's rows among the answer positions of all prompts: from `start` to before `end`. */
interface Rows {
  readonly start: number;
  readonly end: number;
}

function answerRows(batches: readonly Batch[], scored: readonly number[] | undefined): readonly Rows[] {
  const lengths = new Map(
    batches.flatMap(({ members, length }) => members.map((member) => [member, length] as const)),
  );
  if (scored !== undefined && scored.length !== lengths.size) {
    throw new RangeError(`${scored.length} counts of answer positions for ${lengths.size} prompts`);
  }
  const rows: Rows[] = [];
  for (let prompt = 0; prompt < lengths.size; prompt++) {
    const positions = scored?.[prompt] ?? 1;
    if (!Number.isInteger(positions) || positions < 1 || positions > (lengths.get(prompt) ?? 0)) {
      throw new RangeError(`prompt ${prompt} can't have ${positions} answer positions`);
    }
    const start = rows.at(-1)?.end ?? 0;
    rows.push({ start, end: start + positions });
  }
  return rows;
}

/** Adds the last rows of a constant to each prompt's. */
function joinByPosition(values: Float32Array, constant: Constant, rowsOfPrompt: readonly Rows[]): void {
  for (const { start, end } of rowsOfPrompt) {
    const from = constant.values.subarray((constant.rows - (end - start)) * constant.width);
    for (const [index, value] of from.entries()) {
      const at = start * constant.width + index;
      values[at] = (values[at] ?? 0) + value;
    }
  }
}

/** Adds a constant's last row to all. */
function joinEverywhere(values: Float32Array, { rows, width, values: constant }: Constant): void {
  const last = constant.subarray((rows - 1) * width);
  for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) + (last[at % width] ?? 0);
}

/** Unembeds a few prompts at a time, which bounds what is held. */
async function visitLogits(
  runtime: Runtime,
  unembedding: Session,
  rows: Float32Array<ArrayBuffer>,
  { width, vocabularySize }: Transformer,
  rowsOfPrompt: readonly Rows[],
  visit: VisitAnswers,
): Promise<void> {
  let first = 0;
  while (first < rowsOfPrompt.length) {
    const from = rowsOfPrompt[first]?.start ?? 0;
    let next = first + 1;
    while (next < rowsOfPrompt.length && (rowsOfPrompt[next]?.end ?? 0) - from <= rowsPerVisit) next++;
    const to = rowsOfPrompt[next - 1]?.end ?? from;
    const data = rows.slice(from * width, to * width);
    const { logits } = await unembedding.run({ x: { type: "float32", shape: [to - from, width], data } });
    if (logits === undefined) throw new TypeError("the unembedding lacks its output");
    const values = await runtime.readFloats(logits);
    await runtime.release(logits);
    for (let prompt = first; prompt < next; prompt++) {
      const { start, end } = rowsOfPrompt[prompt] ?? { start: 0, end: 0 };
      visit(prompt, values.subarray((start - from) * vocabularySize, (end - from) * vocabularySize));
    }
    first = next;
  }
}

function meanOfEach(values: Float64Array, rowsOfPrompt: readonly Rows[]): Float64Array {
  return Float64Array.from(rowsOfPrompt, ({ start, end }) => {
    let sum = 0;
    for (let row = start; row < end; row++) sum += values[row] ?? 0;
    return sum / (end - start);
  });
}
