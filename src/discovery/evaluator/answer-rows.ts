/**
 * The positions of the answers in a set of prompts. A prompt's answer positions are its last ones: one, or as
 * many as the answer has tokens. The answer positions of all prompts, in the order of the set, are the scored
 * rows.
 */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import { countRows } from "../../transformer/position-rows.ts";
import type { Batch } from "../batch.ts";
import { type Constant, constantAt } from "../constant.ts";

/** A prompt's rows among those of all prompts: from `start` to before `end`. */
interface Rows {
  readonly start: number;
  readonly end: number;
  /** Tokens of the prompt: the last row is of its last one. */
  readonly length: number;
}

export interface AnswerRows {
  /** For each prompt, in the order of the set. */
  readonly ofPrompt: readonly Rows[];
  /** The rows of all prompts together. */
  readonly count: number;
  /** Whether any prompt has several answer positions. */
  readonly several: boolean;
  /** Whether the first position of some prompt is one of its answer positions. */
  readonly first: boolean;
}

/** Prompts that go through the graphs together. */
export type Group = Pick<Batch, "members" | "length">;

/**
 * @param scored how many of each prompt's last positions are the answer's; by default one.
 * @throws RangeError if a prompt has fewer positions than are scored, or none is scored.
 */
export function answerRows(batches: readonly Batch[], scored: readonly number[] | undefined): AnswerRows {
  const lengths = new Map(
    batches.flatMap(({ members, length }) => members.map((member) => [member, length] as const)),
  );
  if (scored !== undefined && scored.length !== lengths.size) {
    throw new RangeError(`${scored.length} counts of answer positions for ${lengths.size} prompts`);
  }
  const ofPrompt: Rows[] = [];
  for (let prompt = 0; prompt < lengths.size; prompt++) {
    const positions = scored?.[prompt] ?? 1;
    const length = lengths.get(prompt) ?? 0;
    if (!Number.isInteger(positions) || positions < 1 || positions > length) {
      throw new RangeError(`prompt ${prompt} can't have ${positions} answer positions`);
    }
    const start = ofPrompt.at(-1)?.end ?? 0;
    ofPrompt.push({ start, end: start + positions, length });
  }
  const count = ofPrompt.at(-1)?.end ?? 0;
  const first = ofPrompt.some(({ start, end, length }) => end - start === length);
  return { ofPrompt, count, several: count > ofPrompt.length, first };
}

/**
 * Copies the answer positions from residual streams.
 * @param residual for each group [candidates × prompts, n, width], candidate by candidate.
 * @returns for each candidate its rows [count, width].
 */
export async function gatherRows(
  runtime: Runtime,
  { ofPrompt, count }: AnswerRows,
  width: number,
  residual: readonly DeviceTensor[],
  groups: readonly Group[],
  candidates = 1,
): Promise<readonly Float32Array<ArrayBuffer>[]> {
  const all = Array.from({ length: candidates }, () => new Float32Array(count * width));
  for (const [index, { members }] of groups.entries()) {
    const tensor = residual[index];
    if (tensor === undefined) throw new RangeError("a batch without a residual stream");
    const values = await runtime.readFloats(tensor);
    const stride = values.length / members.length / candidates;
    for (const [candidate, rows] of all.entries()) {
      for (const [at, member] of members.entries()) {
        const { start = 0, end = 0 } = ofPrompt[member] ?? {};
        const last = (candidate * members.length + at + 1) * stride;
        rows.set(values.subarray(last - (end - start) * width, last), start * width);
      }
    }
  }
  return all;
}

/** Adds to each row what a constant that differs by position is at the row's. */
export function joinByPosition(values: Float32Array, constant: Constant, { ofPrompt }: AnswerRows): void {
  for (const { start, end, length } of ofPrompt) {
    for (let row = start; row < end; row++) {
      for (const [column, value] of constantAt(constant, length - (end - row)).entries()) {
        const at = row * constant.width + column;
        values[at] = (values[at] ?? 0) + value;
      }
    }
  }
}

/** Adds a constant's last row to all rows. */
export function joinEverywhere(values: Float32Array, { rows, width, values: constant }: Constant): void {
  const last = constant.subarray((countRows(rows) - 1) * width);
  for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) + (last[at % width] ?? 0);
}

/** The rows of some prompts, and where each of these prompts' rows are among them. */
export function rowsOfMembers(
  { ofPrompt }: AnswerRows,
  members: readonly number[],
): { readonly indices: readonly number[]; readonly own: Pick<AnswerRows, "ofPrompt"> } {
  const indices: number[] = [];
  const own = members.map((member): Rows => {
    const { start, end, length } = ofPrompt[member] ?? { start: 0, end: 0, length: 0 };
    const first = indices.length;
    for (let row = start; row < end; row++) indices.push(row);
    return { start: first, end: indices.length, length };
  });
  return { indices, own: { ofPrompt: own } };
}

/** The mean over each prompt's rows. @param values one for each row. */
export function meanOfEach(values: Float64Array, { ofPrompt }: Pick<AnswerRows, "ofPrompt">): Float64Array {
  return Float64Array.from(ofPrompt, ({ start, end }) => {
    let sum = 0;
    for (let row = start; row < end; row++) sum += values[row] ?? 0;
    return sum / (end - start);
  });
}
