/**
 * Evaluates several choices of one layer's components together. On a graphics card, starting a small computation
 * takes as long as the computation, and a search starts thousands. So the choices are stacked along the batch:
 * each is the residual stream without the removed heads, with its own constants added, and everything above runs
 * once for all of them.
 */
import type { Queries } from "../../lowering/attention.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { Attention } from "../../transformer/transformer.ts";
import { type Constant, constantTensor } from "../constant.ts";
import type { Group } from "./answer-rows.ts";
import type { Scorer } from "./scorer.ts";
import { runUpper, type Upper } from "./upper.ts";

/** Tools that all layers share. */
interface Tools {
  readonly runtime: Runtime;
  readonly scorer: Scorer;
  /** How many tokens go through the graphs at once. */
  readonly tokensTogether: number;
}

/** The layer whose components are chosen. */
interface ChosenLayer {
  /** The heads that it still has; undefined if there are none. */
  readonly attention: Attention | undefined;
  /** Removes sets of heads: `removeHeadSets`. */
  readonly removals: Session;
  /** For each group the residual stream after all heads, and their values before W_O. */
  readonly base: readonly DeviceTensor[];
  readonly z: readonly DeviceTensor[];
  readonly queries: Queries;
  readonly groups: readonly Group[];
}

interface Choice {
  readonly heads: readonly number[];
  readonly constant: Constant;
}

/**
 * @param rest everything above the heads, including the layer's own MLP if the choices keep it.
 * @returns for each choice KL(original ‖ choice) of each prompt, in nats.
 */
export async function klOfChoices(
  tools: Tools,
  layer: ChosenLayer,
  choices: readonly Choice[],
  rest: Upper,
): Promise<readonly Float64Array[]> {
  const tokensOf = ({ members, length }: Group) => members.length * (layer.queries === "all" ? length : 1);
  const largest = Math.max(...layer.groups.map(tokensOf));
  const atOnce = Math.max(1, Math.floor(tools.tokensTogether / largest));
  const kls: Float64Array[] = [];
  for (let start = 0; start < choices.length; start += atOnce) {
    kls.push(...(await klOfStack(tools, layer, choices.slice(start, start + atOnce), rest)));
  }
  return kls;
}

/** As many choices as go through the graphs at once. */
async function klOfStack(
  { runtime, scorer }: Tools,
  { attention, removals, base, z, queries, groups }: ChosenLayer,
  choices: readonly Choice[],
  rest: Upper,
): Promise<readonly Float64Array[]> {
  const gone = goneGates(attention, choices);
  const last = await Promise.all(
    base.map(async (whole, index) => {
      const zHere = z[index];
      if (zHere === undefined) throw new RangeError("a batch without z");
      const length = groups[index]?.length ?? 0;
      const constants = stackConstants(choices, queries, length);
      const { y } = await removals.run({ base: whole, z: zHere, gone, constants });
      if (y === undefined) throw new TypeError("the removals lack their output");
      const end = await runUpper(runtime, rest, y, length);
      if (end !== y) await runtime.release(y);
      return end;
    }),
  );
  const kls = await scorer.scoreStacked(last, choices.length, rest.last, groups);
  await runtime.release(...last);
  return kls;
}

/** 1 in the columns of removed heads: [choices, 1, 1, heads × headWidth]. */
function goneGates(attention: Attention | undefined, choices: readonly Choice[]): HostTensor {
  const { heads: all, headWidth } = attention ?? { heads: [], headWidth: 0 };
  const across = all.length * headWidth;
  const data = new Float32Array(choices.length * across);
  for (const [choice, { heads }] of choices.entries()) {
    for (const [index, head] of all.entries()) {
      const start = choice * across + index * headWidth;
      if (!heads.includes(head)) data.fill(1, start, start + headWidth);
    }
  }
  return { type: "float32", shape: [choices.length, 1, 1, across], data };
}

/**
 * [choices, 1, rows, d]; only the last row if queries are at the last position alone.
 * @param length tokens of the prompts.
 */
function stackConstants(choices: readonly Choice[], queries: Queries, length: number): HostTensor {
  const tensors = choices.map(({ constant }) => constantTensor(constant, queries, length));
  const [rows = 1, width = 0] = tensors[0]?.shape ?? [];
  const data = new Float32Array(tensors.length * rows * width);
  for (const [choice, { data: values }] of tensors.entries()) data.set(values, choice * rows * width);
  return { type: "float32", shape: [tensors.length, 1, rows, width], data };
}
