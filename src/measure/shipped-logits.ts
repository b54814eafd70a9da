/**
 * Logits at the answer positions from a shipped graph of either profile. Prompts of one length are run together,
 * so nothing is padded. The decoder profile starts from an empty cache; the aligned profile gives the last
 * position only.
 */
import { makeBatches } from "../discovery/batch.ts";
import { PithError } from "../errors.ts";
import type { HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { ScoredPrompt, VisitLogits } from "./answer-logits.ts";
import { requireFinite } from "./finite-logits.ts";

/** The facts about a shipped graph that are needed to run it. */
export interface ShippedGraph {
  readonly profile:
    | { readonly kind: "aligned"; readonly length: number }
    | {
        readonly kind: "decoder";
        readonly cacheHeads?: number | undefined;
        readonly headWidth?: number | undefined;
      };
  /** Key/value heads of each layer that still has attention; its cache may have more, if the profile says so. */
  readonly cacheHeads: readonly number[];
  /** The width of a head's keys, and of its values unless `valueWidths` says another. */
  readonly headWidth: number;
  /** Of each layer that still has attention, the width of its values; left out: that of keys, everywhere. */
  readonly valueWidths?: readonly number[] | undefined;
  readonly vocabulary: number;
}

/** The maximal number of logits of one run. */
const logitsPerRun = 2 ** 24;
const tokensPerRun = 1024;

/** @throws PithError "task" for a prompt of another length than an aligned graph takes; "runtime" for NaN. */
export async function shippedLogits(
  runtime: Runtime,
  session: Session,
  graph: ShippedGraph,
  prompts: readonly ScoredPrompt[],
  visit: VisitLogits,
  signal?: AbortSignal,
): Promise<void> {
  const { profile, vocabulary } = graph;
  // The decoder profile gives logits at every position.
  const most = Math.max(1, Math.floor(logitsPerRun / vocabulary));
  for (const batch of makeBatches(
    prompts.map(({ forced }) => forced),
    profile.kind === "decoder" ? Math.min(tokensPerRun, most) : tokensPerRun,
  )) {
    signal?.throwIfAborted();
    if (profile.kind === "aligned" && batch.length !== profile.length) {
      throw new PithError(
        "task",
        `a prompt has ${batch.length} tokens, but this circuit takes exactly ${profile.length}.`,
        {
          advice: "Circuits with pooled means (--means pooled) take any length.",
        },
      );
    }
    const { logits, ...others } = await session.run(feeds(graph, batch.ids, batch.length));
    if (logits === undefined) throw misfit("has no output logits");
    const values = await runtime.readFloats(logits);
    await runtime.release(logits, ...Object.values(others));
    const stride = values.length / batch.members.length;
    const rows = profile.kind === "decoder" ? batch.length : 1;
    if (stride !== rows * vocabulary) {
      throw misfit(`gives ${stride} scores for a prompt, and not ${rows} × ${vocabulary}`);
    }
    for (const [row, member] of batch.members.entries()) {
      const answer = (prompts[member]?.scored ?? 1) * vocabulary;
      if (answer > stride) {
        throw new RangeError("an aligned graph has logits at its last position alone");
      }
      const scores = values.subarray((row + 1) * stride - answer, (row + 1) * stride);
      requireFinite(scores, "circuit");
      visit(member, scores);
    }
  }
}

/** A folder that somebody assembled by hand may hold any graph. */
function misfit(message: string): PithError {
  return new PithError("circuit", `the circuit's graph ${message}.`, {
    advice: "Its files are not of one circuit: copy the whole folder, or make it anew.",
  });
}

function feeds(
  graph: ShippedGraph,
  ids: readonly (readonly number[])[],
  length: number,
): Record<string, HostTensor> {
  const integers = (value: (row: readonly number[], at: number) => number): HostTensor => ({
    type: "int64",
    shape: [ids.length, length],
    data: BigInt64Array.from(ids.flatMap((row) => row.map((_, at) => BigInt(value(row, at))))),
  });
  const input_ids = integers((row, at) => row[at] ?? 0);
  if (graph.profile.kind === "aligned") return { input_ids };
  // Uniform caches have one width.
  const valueWidth = (index: number): number =>
    (graph.profile.kind === "decoder" && graph.profile.cacheHeads === undefined
      ? graph.valueWidths?.[index]
      : undefined) ?? graph.headWidth;
  const caches = cachesOf(graph.cacheHeads, graph.profile.cacheHeads).flatMap((heads, index) =>
    ["key", "value"].map((part): [string, HostTensor] => [
      `past_key_values.${index}.${part}`,
      {
        type: "float32",
        shape: [ids.length, heads, 0, part === "key" ? graph.headWidth : valueWidth(index)],
        data: new Float32Array(),
      },
    ]),
  );
  return {
    input_ids,
    attention_mask: integers(() => 1),
    position_ids: integers((_, at) => at),
    ...Object.fromEntries(caches),
  };
}

/** How many heads each cache has. Uniform caches have at least one, even if no head is kept. */
function cachesOf(cacheHeads: readonly number[], uniform: number | undefined): readonly number[] {
  if (uniform === undefined) return cacheHeads;
  return Array.from({ length: Math.max(1, cacheHeads.length) }, () => uniform);
}
