/**
 * A straightforward transformer in float64 (paper, section 2 and appendix C), one prompt, one position, one head
 * at a time, and Algorithm 1 on it with a full forward pass for every candidate. It is slow and short, and shares
 * no code with what it checks. For tiny models.
 */
import { type Circuit, circuitOf, keeps, without } from "../../src/transformer/circuit.ts";
import type { Component } from "../../src/transformer/component.ts";
import type {
  Activation,
  Attention,
  Linear,
  Norm,
  ProjectionNorm,
  Transformer,
} from "../../src/transformer/transformer.ts";
import type { Weight } from "../../src/transformer/weight.ts";

export type Vector = readonly number[];
/** Rows. */
type Matrix = readonly Vector[];

interface NaiveLinear {
  /** [in][out]. */
  readonly weight: Matrix;
  readonly bias: Vector;
}

interface NaiveNorm {
  readonly kind: Norm["kind"];
  readonly scale: Vector;
  readonly shift: Vector;
  readonly epsilon: number;
}

interface NaiveAttention
  extends Pick<Attention, "group" | "headWidth" | "scoreScale" | "scoreCap" | "window" | "rotary"> {
  readonly norm: NaiveNorm | undefined;
  readonly postNorm: NaiveNorm | undefined;
  readonly query: NaiveLinear;
  readonly key: NaiveLinear;
  readonly value: NaiveLinear;
  readonly output: NaiveLinear;
  /** Normalises all heads' queries, or keys, at one position. */
  readonly normQueries: (queries: Vector) => Vector;
  readonly normKeys: (keys: Vector) => Vector;
}

interface NaiveMlp {
  readonly norm: NaiveNorm | undefined;
  readonly postNorm: NaiveNorm | undefined;
  readonly activation: Activation;
  readonly gate: NaiveLinear | undefined;
  readonly up: NaiveLinear;
  readonly down: NaiveLinear;
}

interface NaiveBlock {
  readonly isParallel: boolean;
  readonly attention: NaiveAttention;
  readonly mlp: NaiveMlp;
}

/** A transformer whose weights are plain numbers. */
export interface NaiveTransformer {
  readonly embed: (ids: readonly number[]) => Matrix;
  readonly blocks: readonly NaiveBlock[];
  readonly finalNorm: NaiveNorm;
  readonly unembedding: Matrix;
  readonly unembeddingBias: Vector;
  readonly logitCap: number | undefined;
  readonly width: number;
}

/** Rows of every component's replacement: one for each position, or one for all. */
export interface NaiveReplacements {
  /** Whether there are two rows: the first position's, and that of all others. */
  readonly apart?: boolean;
  readonly heads: readonly (readonly Matrix[])[];
  readonly mlps: readonly Matrix[];
  /** Of each layer, rows of h's replacement. */
  readonly neurons: readonly Matrix[];
}

export interface NaiveActivations {
  /** [layer][head][position], a head's write to the residual stream, without b_O. */
  readonly heads: readonly (readonly Matrix[])[];
  /** [layer][position], an MLP's write, b_2 included. */
  readonly mlps: readonly Matrix[];
  /** [layer][position], h = σ(x·W_up), or what a gate makes of it. */
  readonly neurons: readonly Matrix[];
  /** Logits at the last position. */
  readonly logits: Vector;
}

export async function naive(model: Transformer): Promise<NaiveTransformer> {
  const blocks: NaiveBlock[] = [];
  for (const { attention, mlp, arrangement } of model.blocks) {
    if (attention === undefined || mlp === undefined) throw new TypeError("the naive model is whole");
    blocks.push({
      isParallel: arrangement === "parallel",
      attention: {
        ...attention,
        norm: await norm(attention.norm),
        postNorm: await norm(attention.postNorm),
        query: await linear(attention.query),
        key: await linear(attention.key),
        value: await linear(attention.value),
        output: await linear(attention.output),
        normQueries: await projectionNorm(attention.queryNorm, attention.headWidth),
        normKeys: await projectionNorm(attention.keyNorm, attention.headWidth),
      },
      mlp: {
        activation: mlp.activation,
        norm: await norm(mlp.norm),
        postNorm: await norm(mlp.postNorm),
        gate: mlp.gate && (await linear(mlp.gate)),
        up: await linear(mlp.up),
        down: await linear(mlp.down),
      },
    });
  }
  const tokens = await matrix(model.tokenEmbedding);
  const positions = model.positions.kind === "learned" ? await matrix(model.positions.table) : undefined;
  const { embeddingScale = 1 } = model;
  const finalNorm = await norm(model.finalNorm);
  if (finalNorm === undefined) throw new TypeError("a model without a final norm");
  return {
    embed: (ids) =>
      ids.map((id, position) => {
        const token = at(tokens, id).map((value) => value * embeddingScale);
        return positions === undefined ? token : add(token, at(positions, position));
      }),
    blocks,
    finalNorm,
    unembedding: await matrix(model.unembedding),
    unembeddingBias: model.unembeddingBias
      ? await vector(model.unembeddingBias)
      : zeros(at(model.unembedding.shape, 0)),
    logitCap: model.logitCap,
    width: model.width,
  };
}

async function norm(from: Norm | undefined): Promise<NaiveNorm | undefined> {
  if (from === undefined) return undefined;
  const scale = await vector(from.scale);
  const shift = from.kind === "layer" && from.shift ? await vector(from.shift) : zeros(scale.length);
  return { kind: from.kind, scale, shift, epsilon: from.epsilon };
}

async function projectionNorm(
  from: ProjectionNorm | undefined,
  headWidth: number,
): Promise<NaiveAttention["normQueries"]> {
  if (from?.kind === "joint") {
    const [scale, { epsilon }] = [await vector(from.scale), from];
    return (x) => normalized(x, { kind: "rms", scale, shift: zeros(scale.length), epsilon });
  }
  const all = await norm(from);
  if (all === undefined) return (x) => x;
  const { scale, shift } = all;
  return (x) =>
    Array.from({ length: x.length / headWidth }, (_, head) => {
      const part = (values: Vector) =>
        values.length === headWidth ? values : values.slice(head * headWidth, (head + 1) * headWidth);
      return normalized(part(x), { ...all, scale: part(scale), shift: part(shift) });
    }).flat();
}

async function linear({ weight, transposed, bias }: Linear): Promise<NaiveLinear> {
  const stored = await matrix(weight);
  const turned = transposed ? at(stored, 0).map((_, input) => stored.map((row) => at(row, input))) : stored;
  return { weight: turned, bias: bias === undefined ? zeros(at(turned, 0).length) : await vector(bias) };
}

/** Runs one prompt; components outside `circuit` are replaced. */
export function naiveForward(
  model: NaiveTransformer,
  ids: readonly number[],
  circuit: Circuit,
  replacements: NaiveReplacements,
): NaiveActivations {
  let residual = model.embed(ids);
  const heads: Matrix[][] = [];
  const mlps: Matrix[] = [];
  const neurons: Matrix[] = [];
  const row = (constant: Matrix, position: number) =>
    at(constant, constant.length === 1 ? 0 : replacements.apart ? Math.min(position, 1) : position);

  for (const [layer, { attention, mlp, isParallel }] of model.blocks.entries()) {
    const before = residual;
    const normed = residual.map((x) => normalized(x, attention.norm));
    const writes = [...attention.group.keys()].map((head) => naiveHead(normed, attention, head));
    heads.push(writes);
    const used = writes.map((write, head) =>
      keeps(circuit, { kind: "head", layer, head })
        ? write
        : write.map((_, position) => row(at(at(replacements.heads, layer), head), position)),
    );
    residual = residual.map((x, position) => {
      const written = add(attention.output.bias, ...used.map((write) => at(write, position)));
      return add(x, normalized(written, attention.postNorm));
    });
    const read = isParallel ? before : residual;
    const hidden = read.map((x) => naiveHidden(normalized(x, mlp.norm), mlp));
    neurons.push(hidden);
    const usedHidden = hidden.map((h, position) =>
      h.map((value, neuron) =>
        keeps(circuit, { kind: "neuron", layer, neuron })
          ? value
          : at(row(at(replacements.neurons, layer), position), neuron),
      ),
    );
    const written = usedHidden.map((h) => normalized(affine(h, mlp.down), mlp.postNorm));
    mlps.push(written);
    const stays = keeps(circuit, { kind: "mlp", layer });
    residual = residual.map((x, position) =>
      add(x, stays ? at(written, position) : row(at(replacements.mlps, layer), position)),
    );
  }
  const last = normalized(at(residual, residual.length - 1), model.finalNorm);
  const logits = model.unembedding.map((direction) => dot(direction, last));
  return {
    heads,
    mlps,
    neurons,
    logits: add(logits, model.unembeddingBias).map((x) => capped(x, model.logitCap)),
  };
}

function naiveComponents(model: NaiveTransformer): readonly Component[] {
  return model.blocks.flatMap(({ attention }, layer): readonly Component[] => [
    ...[...attention.group.keys()].map((head) => ({ kind: "head", layer, head }) as const),
    { kind: "mlp", layer },
  ]);
}

export function naiveWhole(model: NaiveTransformer): Circuit {
  return circuitOf(naiveComponents(model));
}

export function naiveReplacements(
  model: NaiveTransformer,
  prompts: readonly (readonly number[])[],
  ablation: "aligned" | "pooled" | "apart" | "zero",
): NaiveReplacements {
  const nothing: Matrix = [zeros(model.width)];
  const zero = {
    heads: model.blocks.map(({ attention }) => repeat(attention.group.length, nothing)),
    mlps: model.blocks.map(() => nothing),
    neurons: model.blocks.map(({ mlp }) => [zeros(mlp.down.weight.length)]),
  };
  if (ablation === "zero") return zero;
  const runs = prompts.map((ids) => naiveForward(model, ids, naiveWhole(model), zero));
  const mean = (outputs: readonly Matrix[]): Matrix => {
    const first = outputs.map((output) => at(output, 0));
    const others = outputs.flatMap((output) => output.slice(1));
    switch (ablation) {
      case "pooled":
        return [meanOf(outputs.flat())];
      case "apart":
        return [meanOf(first), meanOf(others.length === 0 ? first : others)];
      case "aligned":
        return at(outputs, 0).map((_, position) => meanOf(outputs.map((output) => at(output, position))));
    }
  };
  return {
    apart: ablation === "apart",
    heads: model.blocks.map(({ attention }, layer) =>
      attention.group.map((_, head) => mean(runs.map((run) => at(at(run.heads, layer), head)))),
    ),
    mlps: model.blocks.map((_, layer) => mean(runs.map((run) => at(run.mlps, layer)))),
    neurons: model.blocks.map((_, layer) => mean(runs.map((run) => at(run.neurons, layer)))),
  };
}

export interface NaiveDecision {
  readonly layer: number;
  readonly component: string;
  readonly kl: number;
  readonly delta: number;
  readonly pruned: boolean;
}

/** Algorithm 1: a full pass over all prompts for every candidate. */
export function naiveSearch(
  model: NaiveTransformer,
  prompts: readonly (readonly number[])[],
  replacements: NaiveReplacements,
  options: { readonly alpha: number; readonly mlps: boolean; readonly order: "published" | "downstream" },
): { readonly circuit: Circuit; readonly trace: readonly NaiveDecision[]; readonly kl: number } {
  let circuit = naiveWhole(model);
  const logits = (of: Circuit) => prompts.map((ids) => naiveForward(model, ids, of, replacements).logits);
  const original = logits(circuit);
  let current = 0;
  const trace: NaiveDecision[] = [];
  const attempt = (component: Component) => {
    const candidate = without(circuit, [component]);
    const kls = logits(candidate).map((row, prompt) => naiveKl(at(original, prompt), row));
    const kl = kls.reduce((a, b) => a + b) / kls.length;
    const delta = kl - current;
    const pruned = delta < options.alpha;
    const name = component.kind === "head" ? `head.${component.head}` : component.kind;
    trace.push({ layer: component.layer, component: name, kl, delta, pruned });
    if (!pruned) return;
    circuit = candidate;
    current = kl;
  };
  for (let layer = model.blocks.length - 1; layer >= 0; layer--) {
    const tryMlp = () => {
      if (options.mlps) attempt({ kind: "mlp", layer });
    };
    if (options.order === "downstream") tryMlp();
    for (const head of at(model.blocks, layer).attention.group.keys()) attempt({ kind: "head", layer, head });
    if (options.order === "published") tryMlp();
  }
  return { circuit, trace, kl: current };
}

/** KL(P‖Q) in nats, of two rows of logits. */
export function naiveKl(p: Vector, q: Vector): number {
  const [logP, logQ] = [logSoftmax(p), logSoftmax(q)];
  return logP.reduce((sum, value, index) => sum + Math.exp(value) * (value - at(logQ, index)), 0);
}

export function logSoftmax(logits: Vector): Vector {
  const largest = Math.max(...logits);
  const normalizer = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return logits.map((logit) => logit - normalizer);
}

/** The output of one head at each position. @param normed rows of one prompt. */
function naiveHead(normed: Matrix, attention: NaiveAttention, head: number): Matrix {
  const { headWidth, rotary, scoreScale, scoreCap, window = Number.POSITIVE_INFINITY } = attention;
  const project = (map: NaiveLinear, place: number, itsNorm = (x: Vector) => x): Matrix =>
    normed.map((x) => itsNorm(affine(x, map)).slice(place * headWidth, (place + 1) * headWidth));
  const placed = (rows: Matrix): Matrix => rows.map((x, position) => turned(x, rotary, position));
  const shared = at(attention.group, head);
  const queries = placed(project(attention.query, head, attention.normQueries));
  const keys = placed(project(attention.key, shared, attention.normKeys));
  const values = project(attention.value, shared);
  const writes = attention.output.weight.slice(head * headWidth, (head + 1) * headWidth);
  return normed.map((_, position) => {
    const from = Math.max(0, position - window + 1);
    const scores = keys
      .slice(from, position + 1)
      .map((key) => capped(dot(at(queries, position), key) * scoreScale, scoreCap));
    const pattern = logSoftmax(scores);
    const z = add(
      ...pattern.map((weight, place) => at(values, from + place).map((value) => Math.exp(weight) * value)),
    );
    return multiply(z, writes);
  });
}

/** Rotary positions, element by element as in the paper's equation 34 (Su et al. 2021). */
function turned(x: Vector, rotary: NaiveAttention["rotary"], position: number): Vector {
  if (rotary === undefined) return x;
  const { width, pairs, frequencies, scale = 1 } = rotary;
  const result = [...x];
  for (const [pair, frequency] of frequencies.entries()) {
    const [i, j] = pairs === "halves" ? [pair, pair + width / 2] : [2 * pair, 2 * pair + 1];
    const [cos, sin] = [Math.cos(position * frequency) * scale, Math.sin(position * frequency) * scale];
    result[i] = at(x, i) * cos - at(x, j) * sin;
    result[j] = at(x, i) * sin + at(x, j) * cos;
  }
  return result;
}

function naiveHidden(normed: Vector, { gate, up, activation }: NaiveMlp): Vector {
  const raised = affine(normed, up);
  return gate === undefined
    ? raised.map((x) => activate(x, activation))
    : affine(normed, gate).map((x, index) => activate(x, activation) * at(raised, index));
}

const capped = (x: number, limit: number | undefined): number =>
  limit === undefined ? x : limit * Math.tanh(x / limit);

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

/** The power series, which float64 sums to 1e-13 for |x| < 4. */
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

/** Returns x itself without a norm. */
export function normalized(x: Vector, norm: NaiveNorm | undefined): Vector {
  if (norm === undefined) return x;
  const { kind, scale, shift, epsilon } = norm;
  const mean = kind === "layer" ? x.reduce((a, b) => a + b) / x.length : 0;
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

const zeros = (length: number): Vector => Array.from({ length }, () => 0);

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
