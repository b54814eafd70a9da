/**
 * Several number formats in one folder: the float32 model, and others beside it under the names that
 * transformers.js looks for. circuit.json describes float32 as usual, and lists the others.
 */
import { PithError } from "../errors.ts";
import type { CircuitFile } from "./circuit-file.ts";
import { type Dtype, dtypes } from "./dtype.ts";
import type { FormatRecord } from "./format-record.ts";

type Formatted = Pick<CircuitFile, "dtype" | "formats">;

/** The format in which a folder is opened by default. */
export function mainDtype({ dtype }: Pick<CircuitFile, "dtype">): Dtype {
  return dtype?.weights ?? "f32";
}

/** All formats of a folder, the main one first. */
export function dtypesIn(circuit: Formatted): readonly Dtype[] {
  return [mainDtype(circuit), ...(circuit.formats ?? []).map(({ weights }) => weights)];
}

/**
 * The content that circuit.json would have if the folder held this format alone.
 * @param dtype left out: the main one. @param directory for the error.
 * @throws PithError "options" for a format that is not there.
 */
export function circuitIn(circuit: CircuitFile, dtype?: Dtype, directory = "the folder"): CircuitFile {
  const { formats = [], checksum: _, ...main } = circuit;
  if (dtype === undefined || dtype === mainDtype(circuit)) return main;
  const found = formats.find(({ weights }) => weights === dtype);
  if (found === undefined) {
    throw new PithError(
      "options",
      `${directory} holds no ${dtype}: it has ${dtypesIn(circuit).join(", ")}.`,
      {
        place: { field: "--dtype" },
        advice: "`pith convert --add` puts another number format into it.",
      },
    );
  }
  const { kl = {}, bytes, ...record } = found;
  const { milliseconds: __, yearMass: ___, ...metrics } = main.metrics;
  const accuracy = Object.fromEntries(
    Object.entries(metrics.accuracy).map(([name, pair]) => [
      name,
      { ...pair, circuit: record.accuracy?.[name as keyof typeof record.accuracy] ?? pair.circuit },
    ]),
  );
  return {
    ...main,
    metrics: {
      ...metrics,
      // A compiled circuit's metrics are over the whole vocabulary, and stay as they are.
      ...(main.compiled === undefined && { accuracy, kl }),
      bytes: { ...metrics.bytes, circuit: bytes },
    },
    dtype: record,
  };
}

/**
 * The entry of a format in the folder's list. @param circuit the circuit in that format, as {@link circuitIn}
 * gives it.
 */
export function formatOf({ dtype, metrics, compiled }: CircuitFile): FormatRecord {
  if (dtype === undefined) throw new RangeError("float32 is no other format");
  return { ...dtype, ...(compiled === undefined && { kl: metrics.kl }), bytes: metrics.bytes.circuit };
}

/** The circuit with these formats added to its list, in the order of {@link dtypes}. */
export function withFormats(circuit: CircuitFile, added: readonly FormatRecord[]): CircuitFile {
  const replaced = new Set(added.map(({ weights }) => weights));
  const formats = [...(circuit.formats ?? []).filter(({ weights }) => !replaced.has(weights)), ...added].sort(
    (a, b) => dtypes.indexOf(a.weights) - dtypes.indexOf(b.weights),
  );
  return { ...circuit, formats };
}
