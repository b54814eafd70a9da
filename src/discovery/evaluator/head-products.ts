/**
 * The products of the stream with the trial layer's W_1, for one choice of heads after another: how `mlp-products.ts`
 * (lowering) is used. Products are computed once for the layer. A choice keeps those of an earlier choice and the few
 * heads that it has less; when these become many, the products are moved on, if anybody still asks.
 */
import { joinFloats } from "../../join-floats.ts";
import type { Queries } from "../../lowering/attention.ts";
import {
  mlpOfProducts,
  mlpProducts,
  movedProducts,
  type RemovableHeads,
} from "../../lowering/mlp-products.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import { inOut } from "../../transformer/linear.ts";
import { countRows, type PositionRows, rowAt } from "../../transformer/position-rows.ts";
import type { Attention, Mlp } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { type Constant, constantTensor } from "../constant.ts";
import type { Group } from "./answer-rows.ts";

/** Heads that a choice may have less than its products: more rows in every product, but fewer moves. */
const mostPending = 3;

/** The sessions of one layer, and W_O. */
export interface ProductSessions {
  readonly products: Session;
  readonly moved: Session;
  readonly mlp: Session;
  /** [heads × headWidth, d]. */
  readonly output: Float32Array<ArrayBuffer>;
}

/** Left out: where that saves operations. */
export type ProductsUse = "always" | "never" | undefined;

/**
 * Whether candidates' MLPs are computed from products: by default if these save enough operations to pay for the passes
 * over memory that they cost.
 */
export function usesProducts(
  use: ProductsUse,
  { heads, headWidth }: Attention,
  width: number,
  rows: PositionRows,
  queries: Queries,
  batches: readonly Batch[],
): boolean {
  if (use !== undefined) return use === "always";
  const tokens = batches.reduce(
    (sum, { members, length }) => sum + members.length * (queries === "all" ? length : 1),
    0,
  );
  const each = headWidth + replacementRows(rows, queries);
  // Operations for each output of W_1.
  const direct = heads.length * tokens * width;
  const updated = (tokens + heads.length * each) * width + heads.length * tokens * 2 * each;
  return 1.5 * updated < direct;
}

/** How many rows a replacement has where the layer is tried. */
const replacementRows = (rows: PositionRows, queries: Queries): number =>
  queries === "last" ? 1 : countRows(rows);

export async function loadProducts(
  runtime: Runtime,
  attention: Attention,
  mlp: Mlp,
  width: number,
  { rows, queries }: { readonly rows: PositionRows; readonly queries: Queries },
): Promise<ProductSessions> {
  const from: RemovableHeads = {
    attention,
    rows: replacementRows(rows, queries),
    byPosition: queries === "all" && rows.kind !== "one",
  };
  return {
    products: await runtime.load(mlpProducts(mlp, width)),
    moved: await runtime.load(movedProducts(mlp, from)),
    mlp: await runtime.load(mlpOfProducts(mlp, width, from)),
    output: await inOut(attention.output).read(),
  };
}

export async function unloadProducts({ products, moved, mlp }: ProductSessions): Promise<void> {
  for (const session of [products, moved, mlp]) await session.unload();
}

/** The products of one choice of heads. Release each with `drop`. */
export interface HeadProducts {
  /** Whether the MLP costs less from these products than from the stream. */
  saves(): boolean;
  /** Of the choice less one more head; `index` among those that `z` holds. Nothing is computed. */
  less(index: number): HeadProducts;
  /**
   * The stream after the MLP, without its b_2; the caller releases it.
   * @param x the stream without the heads that are gone.
   */
  mlp(x: DeviceTensor, constant: Constant, group: number): Promise<DeviceTensor>;
  drop(): Promise<void>;
}

interface ProductsLayer {
  readonly sessions: ProductSessions;
  readonly queries: Queries;
  readonly groups: readonly Group[];
  /** For each group the heads' values before W_O. */
  readonly z: readonly DeviceTensor[];
  /** The replacement of each head that `z` holds. */
  readonly replacements: readonly Constant[];
}

/**
 * @param base for each group the stream with all heads; it must stay until `close`.
 * @param constant that is added to it.
 */
export function openHeadProducts(
  runtime: Runtime,
  layer: ProductsLayer,
  base: readonly DeviceTensor[],
  constant: Constant,
): { readonly start: HeadProducts; close(): Promise<void> } {
  const removed = sharedRun(runtime, async () => [await removedProducts(layer)]);
  removed.hold();
  const loaded: Loaded = { ...layer, runtime, removed };
  const whole = sharedRun(runtime, () =>
    Promise.all(
      base.map((x, group) => layer.sessions.products.run({ x, constant: tensorOf(layer, constant, group) })),
    ),
  );
  return { start: productsOf(loaded, whole, []), close: removed.drop };
}

type Tensors = Readonly<Record<string, DeviceTensor>>;
type Loaded = ProductsLayer & { readonly runtime: Runtime; readonly removed: SharedRun };

/**
 * @param products those that were computed last, or are to be. @param pending heads that are gone, but not from these.
 */
function productsOf(layer: Loaded, products: SharedRun, pending: readonly number[]): HeadProducts {
  products.hold();
  let settled: SharedRun | undefined;
  // The products without all pending heads: computed at most once, for all choices that come of this one.
  const settle = (): SharedRun => {
    if (settled === undefined) {
      settled = sharedRun(layer.runtime, async (from) => moved(layer, from, pending), products);
      settled.hold();
    }
    return settled;
  };
  return {
    // A choice that lacks many heads at once would wait for several moves.
    saves: () => pending.length > 0 && products.toMake() <= 1,
    less: (index) =>
      pending.length < mostPending
        ? productsOf(layer, products, [...pending, index])
        : productsOf(layer, settle(), [index]),
    async mlp(x, constant, group) {
      const here = (await products.tensors())[group];
      if (here === undefined) throw new RangeError("a batch without products");
      const { y } = await layer.sessions.mlp.run({
        ...(await removalFeeds(layer, here, pending, group)),
        ...{ x, constant: tensorOf(layer, constant, group) },
      });
      if (y === undefined) throw new TypeError("the MLP lacks its output");
      return y;
    },
    async drop() {
      await settled?.drop();
      await products.drop();
    },
  };
}

async function moved(
  layer: Loaded,
  from: readonly Tensors[],
  heads: readonly number[],
): Promise<readonly Tensors[]> {
  return Promise.all(
    from.map(async (products, group) => {
      const outputs = await layer.sessions.moved.run(await removalFeeds(layer, products, heads, group));
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name.replace("moved", "product"), tensor]),
      );
    }),
  );
}

async function removalFeeds(
  layer: Loaded,
  products: Tensors,
  heads: readonly number[],
  group: number,
): Promise<Readonly<Record<string, DeviceTensor | HostTensor>>> {
  const z = layer.z[group];
  const [removed] = await layer.removed.tensors();
  if (z === undefined) throw new RangeError("a batch without z");
  const gone = BigInt64Array.from(heads, BigInt);
  return {
    ...{ ...products, ...removed, z },
    gone: { type: "int64", shape: [gone.length], data: gone },
    places: placesOf(layer, group),
  };
}

/** 1 where a row of a replacement stands: [1 or positions, 1, rows]. */
function placesOf({ replacements, queries, groups }: ProductsLayer, group: number): HostTensor {
  const rows: PositionRows = replacements[0]?.rows ?? { kind: "one" };
  if (queries === "last" || rows.kind === "one") {
    return { type: "float32", shape: [1, 1, 1], data: Float32Array.of(1) };
  }
  const [length, count] = [groups[group]?.length ?? 0, countRows(rows)];
  const data = new Float32Array(length * count);
  for (let position = 0; position < length; position++) data[position * count + rowAt(rows, position)] = 1;
  return { type: "float32", shape: [length, 1, count], data };
}

/** The products of every head's W_O and, negative, of its replacement. */
async function removedProducts(layer: ProductsLayer): Promise<Tensors> {
  const { sessions, replacements, queries } = layer;
  const width = replacements[0]?.width ?? 0;
  const each = sessions.output.length / replacements.length;
  const parts = replacements.flatMap((constant, head) => {
    const written = constantRows(constant, queries).map((value) => -value);
    return [sessions.output.subarray(head * each, (head + 1) * each), written];
  });
  const data = joinFloats(parts);
  const outputs = await sessions.products.run({
    x: { type: "float32", shape: [1, data.length / width, width], data },
    constant: { type: "float32", shape: [1, width], data: new Float32Array(width) },
  });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => [name.replace("product", "removed"), tensor]),
  );
}

/** All rows, or that of the last position. */
function constantRows(constant: Constant, queries: Queries): Float32Array {
  return queries === "last" ? constantTensor(constant, "last", 0).data : Float32Array.from(constant.values);
}

const tensorOf = ({ queries, groups }: ProductsLayer, constant: Constant, group: number): HostTensor =>
  constantTensor(constant, queries, groups[group]?.length ?? 0);

/** Tensors that are computed when they are first asked for, and released with their last user. */
interface SharedRun {
  tensors(): Promise<readonly Tensors[]>;
  /** How many runs, one after another, must be made before the tensors are there, less the first of all. */
  toMake(): number;
  hold(): void;
  drop(): Promise<void>;
}

/** @param from is held until the tensors are computed from it. */
function sharedRun(
  runtime: Runtime,
  make: (from: readonly Tensors[]) => Promise<readonly Tensors[]>,
  from?: SharedRun,
): SharedRun {
  let made: Promise<readonly Tensors[]> | undefined;
  let users = 0;
  from?.hold();
  return {
    tensors() {
      made ??= (async () => {
        const result = await make((await from?.tensors()) ?? []);
        await from?.drop();
        return result;
      })();
      return made;
    },
    toMake: () => (made !== undefined || from === undefined ? 0 : 1 + from.toMake()),
    hold() {
      users++;
    },
    async drop() {
      if (--users > 0) return;
      if (made === undefined) await from?.drop();
      else await runtime.release(...(await made).flatMap((tensors) => Object.values(tensors)));
    },
  };
}
