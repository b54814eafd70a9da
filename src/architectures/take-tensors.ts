/**
 * How a family's file asks for its tensors: each by name and shape, checked at once from the headers, and at the
 * end nothing may be left over, since a tensor that nobody asked for means that the model is not what its config
 * says.
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { isWeightDtype } from "../checkpoint/dtype.ts";
import { weightDtypeAdvice } from "../checkpoint/safetensors.ts";
import { PithError } from "../errors.ts";
import type { Weight } from "../transformer/weight.ts";

export interface TensorTaker {
  /** @throws PithError "checkpoint" when it is missing, of another shape, or not of a float format. */
  take(name: string, shape: readonly number[]): Weight;
  /** @throws PithError "checkpoint" when a tensor was not taken and is not a known surplus. */
  finish(isKnownSurplus: (name: string) => boolean): void;
}

export function takeTensors(checkpoint: Pick<Checkpoint, "directory" | "weights">): TensorTaker {
  const taken = new Set<string>();
  return {
    take: (name, shape) => {
      const weight = checkpoint.weights.get(name);
      if (weight === undefined) {
        throw new PithError("checkpoint", `is missing; config.json asks for it as [${shape.join(", ")}]`, {
          place: { file: checkpoint.directory, tensor: name },
        });
      }
      const place = { file: weight.file ?? checkpoint.directory, tensor: name };
      if (weight.shape.length !== shape.length || weight.shape.some((size, axis) => size !== shape[axis])) {
        const found = `[${weight.shape.join(", ")}]`;
        throw new PithError("checkpoint", `has shape ${found}; config.json asks for [${shape.join(", ")}]`, {
          place,
        });
      }
      if (weight.dtype !== undefined && !isWeightDtype(weight.dtype)) {
        throw new PithError("checkpoint", `${weight.dtype} can't be read as a weight`, {
          place,
          advice: weightDtypeAdvice,
        });
      }
      taken.add(name);
      return weight;
    },
    finish: (isKnownSurplus) => {
      const surplus = [...checkpoint.weights.values()].filter(
        ({ name }) => !taken.has(name) && !isKnownSurplus(name),
      );
      const [first] = surplus;
      if (first === undefined) return;
      const others = surplus.length === 1 ? "" : ` (nor have ${surplus.length - 1} others)`;
      throw new PithError("checkpoint", `has no place in the model that config.json describes${others}`, {
        place: { file: first.file ?? checkpoint.directory, tensor: first.name },
        advice: "Check that config.json and the weights belong together.",
      });
    },
  };
}
