/**
 * Layers in which a head's write can't be subtracted from the stream: those with a norm after the heads, which
 * reads the sum of their writes, and parallel ones, whose MLP reads the same stream as the heads. The layer's
 * attention still runs once, and so does a parallel MLP; a candidate costs one product of all heads with W_O.
 */
import type { Queries } from "../../lowering/attention.ts";
import { joinTrial, trialMlp } from "../../lowering/stages.ts";
import type { Graph } from "../../onnx/graph.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { LayerComponents } from "../../transformer/component.ts";
import type { PositionRows } from "../../transformer/position-rows.ts";
import type { Batch } from "../batch.ts";
import { type Constant, constantTensor, zeroConstant } from "../constant.ts";
import { type AttentionRun, groupTensors, withoutAttention } from "./attention-run.ts";
import type { KeptLayer } from "./kept-layer.ts";

export interface JoinedLayer {
  /** A group's stream after the layer's heads, and after its MLP if the two are parallel; the caller releases it. */
  stream(choice: LayerComponents & { readonly constant: Constant }, group: number): Promise<DeviceTensor>;
  /**
   * The part of the heads' constant that is still to be added to the stream: none if it was added before a norm.
   */
  left(constant: Constant): Constant;
  close(): Promise<void>;
}

/** Whether a layer is of this kind. */
export function isJoined({ arrangement, attention, postNorm }: KeptLayer): boolean {
  return arrangement === "parallel" || (attention !== undefined && postNorm !== undefined);
}

/**
 * @param residual before the layer, for each batch. @param z the output of `runTrialAttention`, in the same
 * groups.
 * @param rows of constants.
 */
export async function openJoinedLayer(
  runtime: Runtime,
  kept: KeptLayer,
  width: number,
  rows: PositionRows,
  { z, groups }: Pick<AttentionRun, "z" | "groups">,
  batches: readonly Batch[],
  residual: readonly DeviceTensor[],
  queries: Queries,
): Promise<JoinedLayer> {
  const { attention, mlp, postNorm } = kept;
  const constantRows = queries === "last" ? "one" : rows.kind;
  const isParallel = kept.arrangement === "parallel";
  const join = await runtime.load(joinTrial(kept, width, constantRows));
  const grouped = (tensors: readonly DeviceTensor[]) => groupTensors(runtime, tensors, queries);
  const x = queries === "all" ? residual : await grouped(await withoutAttention(runtime, residual, queries));
  const written =
    isParallel && mlp
      ? await grouped(await runMlp(runtime, trialMlp(mlp, width, queries, rows.kind), batches, residual))
      : [];
  const mine = [...written, ...(queries === "all" ? [] : x)];

  return {
    async stream({ heads, mlp: stays, constant }, group) {
      const [stream, zHere, writtenHere] = [x[group], z[group], written[group]];
      if (stream === undefined) throw new RangeError("a batch without a residual stream");
      const { y } = await join.run({
        x: stream,
        ...(attention && zHere && { z: zHere, headGates: gatesOf(attention, heads) }),
        ...(attention &&
          postNorm && { constant: constantTensor(constant, queries, groups[group]?.length ?? 0) }),
        ...(writtenHere && { written: writtenHere, mlpGate: number(Number(stays)) }),
      });
      if (y === undefined) throw new TypeError("the joined layer lacks its output");
      return y;
    },
    left: (constant) => (attention && postNorm ? zeroConstant(rows, width) : constant),
    async close() {
      await runtime.release(...mine);
      await join.unload();
    },
  };
}

async function runMlp(
  runtime: Runtime,
  graph: Graph,
  batches: readonly Batch[],
  residual: readonly DeviceTensor[],
): Promise<readonly DeviceTensor[]> {
  const session: Session = await runtime.load(graph);
  try {
    const all: DeviceTensor[] = [];
    for (const index of batches.keys()) {
      const x = residual[index];
      const { written } = x === undefined ? {} : await session.run({ x });
      if (written === undefined) throw new TypeError("the MLP lacks its output");
      all.push(written);
    }
    return all;
  } finally {
    await session.unload();
  }
}

/** 1 in the columns of heads that stay. */
function gatesOf(
  { heads: all, headWidth }: NonNullable<KeptLayer["attention"]>,
  heads: readonly number[],
): HostTensor {
  const data = new Float32Array(all.length * headWidth);
  for (const [index, head] of all.entries()) {
    if (heads.includes(head)) data.fill(1, index * headWidth, (index + 1) * headWidth);
  }
  return { type: "float32", shape: [data.length], data };
}

const number = (value: number): HostTensor => ({ type: "float32", shape: [1], data: Float32Array.of(value) });
