/**
 * Gives a family's file its tensors by name and shape. Each is checked at once from the headers, and at the end
 * none may be left over: an unused tensor means that the model differs from its config.
 */
import { isWeightDtype } from "../checkpoint/dtype.ts";
import { weightDtypeAdvice } from "../checkpoint/safetensors.ts";
import { type ErrorPlace, PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import type { Weight } from "../transformer/weight.ts";

import type { CheckpointTensors } from "./family.ts";

export interface TensorTaker {
  /** @throws PithError "checkpoint" when it is missing, of another shape, or not of a float format. */
  take(name: string, shape: readonly number[]): Weight;
  /** @throws PithError "checkpoint" when a tensor was not taken and is not in the list of known extra tensors. */
  finish(isKnownSurplus: (name: string) => boolean): void;
}

/** The text of the error for a matrix that is stored transposed. */
interface TransposedHint {
  /** The reason: "as nn.Linear does". */
  readonly cause: string;
  readonly advice: string;
}

export function takeTensors(checkpoint: CheckpointTensors, transposed?: TransposedHint): TensorTaker {
  const taken = new Set<string>();
  return {
    take: (name, shape) => {
      const weight = checkpoint.weights.get(name);
      if (weight === undefined) {
        throw missing(name, shape, checkpoint);
      }
      const place = { file: weight.file ?? checkpoint.directory, tensor: name };
      if (weight.shape.length !== shape.length || weight.shape.some((size, axis) => size !== shape[axis])) {
        throw misshapen(weight.shape, shape, place, transposed);
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
      const surplus = [...checkpoint.weights].filter(([name]) => !taken.has(name) && !isKnownSurplus(name));
      const [, first] = surplus[0] ?? [];
      if (first === undefined) return;
      const others = surplus.length === 1 ? "" : ` (nor have ${surplus.length - 1} others)`;
      throw new PithError("checkpoint", `has no place in the model that config.json describes${others}`, {
        place: { file: first.file ?? checkpoint.directory, tensor: first.name },
        advice: "Check that config.json and the weights belong together.",
      });
    },
  };
}

function missing(
  name: string,
  shape: readonly number[],
  { weights, directory }: CheckpointTensors,
): PithError {
  const longer = [...weights.keys()].find((other) => other.endsWith(`.${name}`));
  return new PithError("checkpoint", `is missing; config.json asks for it as [${shape.join(", ")}]`, {
    place: { file: directory, tensor: name },
    ...(longer !== undefined && {
      advice: `There is ${quote(longer)}: take what stands before the name off the names of all tensors.`,
    }),
  });
}

function misshapen(
  found: readonly number[],
  wanted: readonly number[],
  place: ErrorPlace,
  hint: TransposedHint | undefined,
): PithError {
  const message = `has shape [${found.join(", ")}]; config.json asks for [${wanted.join(", ")}]`;
  const isTransposed = found.length === 2 && found[0] === wanted[1] && found[1] === wanted[0];
  if (!isTransposed) return new PithError("checkpoint", message, { place });
  if (hint === undefined) return new PithError("checkpoint", `${message}. It is transposed.`, { place });
  return new PithError("checkpoint", `${message}. It is transposed, ${hint.cause}.`, {
    place,
    advice: hint.advice,
  });
}
