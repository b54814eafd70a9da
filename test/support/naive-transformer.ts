/**
 * A transformer in float64 by the book (paper, section 2 and appendix C), one prompt, one position, one head at
 * a time, and Algorithm 1 on it with a full forward pass for every candidate: slow, short, and sharing no code
 * with what it checks. For tiny models.
 */
import type { Circuit } from "../../src/transformer/circuit.ts";
import type { Activation, Linear, Norm, Transformer } from "../../src/transformer/transformer.ts";
import type { Weight } from "../../src/transformer/weight.ts";

export type Vector = readonly number[];
/** Rows. */
type Matrix = readonly Vector[];

interface NaiveLinear {
  readonly weight: Matrix;
  readonly bias: Vector;
}

interface NaiveNorm {
  readonly scale: Vector;
  readonly shift: Vector;
  readonly epsilon: number;
}

interface NaiveBlock {
  readonly heads: number;
  readonly headWidth: number;
  readonly scoreScale: number;
  readonly attentionNorm: NaiveNorm;
  readonly query: NaiveLinear;
  readonly key: NaiveLinear;
  readonly value: NaiveLinear;
  readonly output: NaiveLinear;
  readonly mlpNorm: NaiveNorm;
  readonly activation: Activation;
  readonly up: NaiveLinear;
  readonly down: NaiveLinear;
}

/** A transformer whose weights are plain numbers. */
export interface NaiveTransformer {
  readonly tokens: Matrix;
  readonly positions: Matrix;
  readonly blocks: readonly NaiveBlock[];
  readonly finalNorm: NaiveNorm;
  readonly unembedding: Matrix;
}

/** Rows of every component's replacement: one for each position, or one for all. */
export interface NaiveReplacements {
  readonly heads: readonly (readonly Matrix[])[];
  readonly mlps: readonly Matrix[];
}

export interface NaiveActivations {
  /** [layer][head][position], a head's write to the residual stream, without b_O. */
  readonly heads: readonly (readonly Matrix[])[];
  /** [layer][position], an MLP's write, b_2 included. */
  readonly mlps: readonly Matrix[];
  /** At the last position. */
  readonly logits: Vector;
}

export async function naive(model: Transformer): Promise<NaiveTransformer> {
  const norm = async (from: Norm): Promise<NaiveNorm> => ({
    scale: await vector(from.scale),
    shift: await vector(from.shift),
    epsilon: from.epsilon,
  });
  const linear = async ({ weight, bias }: Linear): Promise<NaiveLinear> => ({
    weight: await matrix(weight),
    bias: bias === undefined ? Array.from({ length: at(weight.shape, 1) }, () => 0) : await vector(bias),
  });
  const blocks: NaiveBlock[] = [];
  for (const { attention, mlp } of model.blocks) {
    if (attention === undefined || mlp === undefined) throw new TypeError("the naive model is whole");
    blocks.push({
      heads: attention.heads.length,
      headWidth: attention.headWidth,
      scoreScale: attention.scoreScale,
      attentionNorm: await norm(attention.norm),
      query: await linear(attention.query),
      key: await linear(attention.key),
      value: await linear(attention.value),
      output: await linear(attention.output),
      mlpNorm: await norm(mlp.norm),
      activation: mlp.activation,
      up: await linear(mlp.up),
      down: await linear(mlp.down),
    });
  }
  return {
    tokens: await matrix(model.tokenEmbedding),
    positions: await matrix(model.positionEmbedding),
    blocks,
    finalNorm: await norm(model.finalNorm),
    unembedding: await matrix(model.unembedding),
  };
}

/** One prompt; what `circuit` leaves out is replaced. */
export function naiveForward(
  model: NaiveTransformer,
  ids: readonly number[],
  circuit: Circuit,
  replacements: NaiveReplacements,
): NaiveActivations {
  let residual: Matrix = ids.map((id, position) => add(at(model.tokens, id), at(model.positions, position)));
  const heads: Matrix[][] = [];
  const mlps: Matrix[] = [];
  const row = (constant: Matrix, position: number) => at(constant, constant.length === 1 ? 0 : position);

  for (const [layer, block] of model.blocks.entries()) {
    const normed = residual.map((x) => layerNorm(x, block.attentionNorm));
    const writes = Array.from({ length: block.heads }, (_, head) => naiveHead(normed, block, head));
    heads.push(writes);
    const used = writes.map((write, head) =>
      circuit.heads.some(([l, h]) => l === layer && h === head)
        ? write
        : write.map((_, position) => row(at(at(replacements.heads, layer), head), position)),
    );
    residual = residual.map((x, position) =>
      add(x, block.output.bias, ...used.map((write) => at(write, position))),
    );
    const written = residual.map((x) => naiveMlp(layerNorm(x, block.mlpNorm), block));
    mlps.push(written);
    const keeps = circuit.mlps.includes(layer);
    residual = residual.map((x, position) =>
      add(x, keeps ? at(written, position) : row(at(replacements.mlps, layer), position)),
    );
  }
  const last = layerNorm(at(residual, residual.length - 1), model.finalNorm);
  return { heads, mlps, logits: model.unembedding.map((direction) => dot(direction, last)) };
}

export function wholeCircuit(model: NaiveTransformer): Circuit {
  return {
    heads: model.blocks.flatMap((block, layer) =>
      Array.from({ length: block.heads }, (_, head): readonly [number, number] => [layer, head]),
    ),
    mlps: [...model.blocks.keys()],
  };
}

export function naiveReplacements(
  model: NaiveTransformer,
  prompts: readonly (readonly number[])[],
  ablation: "aligned" | "pooled" | "zero",
): NaiveReplacements {
  const width = at(model.tokens, 0).length;
  const nothing: Matrix = [Array.from({ length: width }, () => 0)];
  const zero = {
    heads: model.blocks.map(({ heads }) => repeat(heads, nothing)),
    mlps: model.blocks.map(() => nothing),
  };
  if (ablation === "zero") return zero;
  const runs = prompts.map((ids) => naiveForward(model, ids, wholeCircuit(model), zero));
  const mean = (outputs: readonly Matrix[]): Matrix =>
    ablation === "pooled"
      ? [meanOf(outputs.flat())]
      : at(outputs, 0).map((_, position) => meanOf(outputs.map((output) => at(output, position))));
  return {
    heads: model.blocks.map(({ heads }, layer) =>
      Array.from({ length: heads }, (_, head) => mean(runs.map((run) => at(at(run.heads, layer), head)))),
    ),
    mlps: model.blocks.map((_, layer) => mean(runs.map((run) => at(run.mlps, layer)))),
  };
}

export interface NaiveDecision {
  readonly layer: number;
  readonly component: string;
  readonly kl: number;
  readonly delta: number;
  readonly pruned: boolean;
}

/** Algorithm 1: for every candidate a full pass over all prompts. */
export function naiveSearch(
  model: NaiveTransformer,
  prompts: readonly (readonly number[])[],
  replacements: NaiveReplacements,
  options: { readonly alpha: number; readonly mlps: boolean; readonly order: "published" | "downstream" },
): { readonly circuit: Circuit; readonly trace: readonly NaiveDecision[]; readonly kl: number } {
  let circuit = wholeCircuit(model);
  const logits = (of: Circuit) => prompts.map((ids) => naiveForward(model, ids, of, replacements).logits);
  const original = logits(circuit);
  let current = 0;
  const trace: NaiveDecision[] = [];
  const attempt = (layer: number, component: string, candidate: Circuit) => {
    const kls = logits(candidate).map((row, prompt) => naiveKl(at(original, prompt), row));
    const kl = kls.reduce((a, b) => a + b) / kls.length;
    const delta = kl - current;
    const pruned = delta < options.alpha;
    trace.push({ layer, component, kl, delta, pruned });
    if (!pruned) return;
    circuit = candidate;
    current = kl;
  };
  for (let layer = model.blocks.length - 1; layer >= 0; layer--) {
    const tryMlp = () => {
      if (options.mlps) attempt(layer, "mlp", { ...circuit, mlps: circuit.mlps.filter((l) => l !== layer) });
    };
    if (options.order === "downstream") tryMlp();
    for (let head = 0; head < at(model.blocks, layer).heads; head++) {
      const heads = circuit.heads.filter(([l, h]) => l !== layer || h !== head);
      attempt(layer, `head.${head}`, { ...circuit, heads });
    }
    if (options.order === "published") tryMlp();
  }
  return { circuit, trace, kl: current };
}

/** KL(P‖Q) in nats, of two rows of logits. */
export function naiveKl(p: Vector, q: Vector): number {
  const [logP, logQ] = [logSoftmax(p), logSoftmax(q)];
  return logP.reduce((sum, value, index) => sum + Math.exp(value) * (value - at(logQ, index)), 0);
}

function logSoftmax(logits: Vector): Vector {
  const largest = Math.max(...logits);
  const normalizer = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return logits.map((logit) => logit - normalizer);
}

/** What one head writes at each position. @param normed rows of one prompt. */
function naiveHead(normed: Matrix, block: NaiveBlock, head: number): Matrix {
  const { headWidth } = block;
  const own = (x: Vector) => x.slice(head * headWidth, (head + 1) * headWidth);
  const project = (linear: NaiveBlock["query"]): Matrix => normed.map((x) => own(affine(x, linear)));
  const queries = project(block.query);
  const keys = project(block.key);
  const values = project(block.value);
  const writes = block.output.weight.slice(head * headWidth, (head + 1) * headWidth);
  return normed.map((_, position) => {
    const seen = keys.slice(0, position + 1);
    const pattern = logSoftmax(seen.map((key) => dot(at(queries, position), key) * block.scoreScale));
    const z = add(
      ...seen.map((_, place) => at(values, place).map((value) => Math.exp(at(pattern, place)) * value)),
    );
    return multiply(z, writes);
  });
}

function naiveMlp(normed: Vector, block: NaiveBlock): Vector {
  const hidden = affine(normed, block.up).map((x) => activate(x, block.activation));
  return affine(hidden, block.down);
}

export function activate(x: number, activation: Activation): number {
  switch (activation) {
    case "gelu-tanh":
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case "gelu":
      return 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "relu":
      return Math.max(0, x);
    case "silu":
      return x / (1 + Math.exp(-x));
  }
}

/** By its power series, which float64 sums to 1e-13 for |x| < 4. */
function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function layerNorm(x: Vector, { scale, shift, epsilon }: NaiveNorm): Vector {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map(
    (value, index) => ((value - mean) / Math.sqrt(variance + epsilon)) * at(scale, index) + at(shift, index),
  );
}

const affine = (x: Vector, { weight, bias }: NaiveLinear): Vector => add(multiply(x, weight), bias);

function multiply(x: Vector, weight: Matrix): Vector {
  return at(weight, 0).map((_, column) =>
    x.reduce((sum, value, row) => sum + value * at(at(weight, row), column), 0),
  );
}

export const dot = (a: Vector, b: Vector): number =>
  a.reduce((sum, value, index) => sum + value * at(b, index), 0);

function add(...vectors: readonly Vector[]): Vector {
  return at(vectors, 0).map((_, index) => vectors.reduce((sum, each) => sum + at(each, index), 0));
}

const meanOf = (vectors: readonly Vector[]): Vector => add(...vectors).map((sum) => sum / vectors.length);

const repeat = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value);

async function vector(weight: Weight): Promise<Vector> {
  return Array.from(await weight.read());
}

async function matrix(weight: Weight): Promise<Matrix> {
  const values = await vector(weight);
  const width = at(weight.shape, 1);
  return Array.from({ length: at(weight.shape, 0) }, (_, row) =>
    values.slice(row * width, (row + 1) * width),
  );
}

function at<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new RangeError(`nothing at ${index} of ${list.length}`);
  return value;
}
