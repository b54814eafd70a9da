/**
 * A circuit as a function of vectors before its readers. Only what it keeps is run: its parts are one graph whose
 * constants are inputs, so that their gradients cost as little as the circuit is small.
 */
import { askingParts, type KeptPart, partsOfBlock } from "../../lowering/kept-part.ts";
import { placeFeeds } from "../../lowering/places.ts";
import { constantName, keptParts } from "../../lowering/stages.ts";
import type { HostTensor } from "../../runtime/runtime.ts";
import { type Circuit, circuitKey } from "../../transformer/circuit.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { addConstants, type Constant, constantTensor, zeroConstant } from "../constant.ts";
import { headsAbove, keptLayer, leftByHeads } from "../evaluator/kept-layer.ts";
import { wholeBlock } from "../forward.ts";
import type { GateEngine } from "../gates/gate-engine.ts";
import type { PassForm } from "../gates/gate-passes.ts";
import type { Replacements } from "../replacements.ts";
import { constantPlaces, type FittedPlace } from "./constant-places.ts";

/** Its vectors are one list of numbers, [places × width]. */
export interface TrainableCircuit {
  readonly places: readonly FittedPlace[];
  /** KL of each prompt, in nats. */
  losses(values: Float64Array, prompts: readonly number[]): Promise<Float64Array>;
  /** The mean over the prompts of ∂KL/∂values. */
  gradient(values: Float64Array, prompts: readonly number[]): Promise<Float64Array>;
  /** Lets go of what only this circuit needs. */
  close(): Promise<void>;
}

interface TrainableInputs {
  readonly engine: GateEngine;
  readonly circuit: Circuit;
  readonly replacements: Replacements;
  readonly signal?: AbortSignal | undefined;
}

export async function trainableCircuit({
  engine,
  circuit,
  replacements,
  signal,
}: TrainableInputs): Promise<TrainableCircuit> {
  const { model, shelf } = engine.tools;
  const { width } = model;
  const places = constantPlaces(model, circuit);
  const assembled = await assemble(model, circuit, replacements);
  const name = `circuit ${circuitKey(circuit)} `;
  const formOf = (values: Float64Array, batches: readonly Batch[]): PassForm =>
    circuitForm(name, assembled, batches, (reader) => {
      const at = places.findIndex((place) => place.reader === reader);
      return at < 0 ? undefined : values.subarray(at * width, (at + 1) * width);
    });
  const readers = new Map(places.map(({ reader }, at) => [constantName(reader), at]));
  return {
    places,
    async losses(values, prompts) {
      const taken = await engine.take(prompts);
      return engine.losses({ taken, form: formOf(values, taken.batches), signal }, "kl");
    },
    async gradient(values, prompts) {
      const taken = await engine.take(prompts);
      const sums = new Float64Array(values.length);
      const pass = { taken, form: formOf(values, taken.batches), signal };
      const objective = { kind: "loss", loss: "kl" } as const;
      await engine.differentiate(pass, objective, [...readers.keys()], (input, _layer, _batch, slopes) => {
        const from = (readers.get(input) ?? 0) * width;
        // Where means differ by position, so do their gradients; one vector stands at all of them.
        for (const [at, slope] of slopes.entries()) {
          const own = from + (at % width);
          sums[own] = (sums[own] ?? 0) + slope;
        }
      });
      return sums.map((sum) => sum / prompts.length);
    },
    close: () => shelf.drop(name),
  };
}

/** The parts that are left, lowest first, and the means before each of them and before the unembedding. */
interface AssembledCircuit {
  readonly model: Transformer;
  readonly parts: readonly KeptPart[];
  readonly constants: readonly Constant[];
}

async function assemble(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
): Promise<AssembledCircuit> {
  const { rows } = replacements;
  const parts: KeptPart[] = [];
  const constants: Constant[] = [];
  let pending = zeroConstant(rows, model.width);
  for (const layer of model.blocks.keys()) {
    const kept = await keptLayer(model, circuit, replacements, layer, "all");
    const { attentionConstant, mlp, arrangement } = kept;
    const attention =
      kept.attention && headsAbove(wholeBlock(model, layer).attention, kept.heads, attentionConstant, "all");
    const left = attention ? attentionConstant : await leftByHeads(kept, attentionConstant);
    // A constant before a norm behind the heads is a part of these.
    const afterHeads = attention && kept.postNorm !== undefined ? zeroConstant(rows, model.width) : left;
    const own = partsOfBlock({ attention, mlp, arrangement }, "all");
    for (const part of own) {
      // The MLP of a sequential layer reads what the heads have left.
      if (arrangement !== "parallel" && part.kind === "mlp") pending = addConstants(pending, afterHeads);
      parts.push(part);
      constants.push(pending);
      pending = zeroConstant(rows, model.width);
    }
    if (arrangement === "parallel" || mlp === undefined) pending = addConstants(pending, afterHeads);
    pending = addConstants(pending, kept.mlpConstant);
  }
  return { model, parts, constants: [...constants, pending] };
}

function circuitForm(
  name: string,
  { model, parts, constants }: AssembledCircuit,
  batches: readonly Batch[],
  vectorOf: (reader: number) => Float64Array | undefined,
): PassForm {
  const [first] = constants;
  if (first === undefined) throw new RangeError("the unembedding reads a constant");
  const { kind } = first.rows;
  const attentions = askingParts(parts).map(({ attention }) => ({ attention, queries: "all" as const }));
  return {
    ...{ name, graphs: 1 },
    places: (length) => placeFeeds(attentions, length),
    graph: () => keptParts(parts, model.width, kind, { last: true }),
    async feeds(_, batch) {
      const { length = 0 } = batches[batch] ?? {};
      return Object.fromEntries(
        constants.map((constant, reader) => [
          constantName(reader),
          withVector(constantTensor(constant, "all", length), vectorOf(reader)),
        ]),
      );
    },
  };
}

/** A constant [rows, width] with a vector added at each row. */
function withVector(tensor: ReturnType<typeof constantTensor>, vector: Float64Array | undefined): HostTensor {
  if (vector === undefined) return tensor;
  const data = tensor.data.map((value, at) => value + (vector[at % vector.length] ?? 0));
  return { ...tensor, data };
}
