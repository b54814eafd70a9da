/** The main figures of a search's result. */
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { formatBytes, formatChange, formatCount, formatShare } from "../../src/report/format.ts";
import { Figure } from "./figure.tsx";
import { unbroken } from "./unbroken.ts";

/** Accuracy on unseen prompts if there are any. Empty if it was not measured. */
export function AccuracyFigure({ circuit: { metrics } }: { readonly circuit: CircuitFile }) {
  const { test, validation } = metrics.accuracy;
  const accuracy = test ?? validation;
  if (accuracy === undefined) return null;
  return (
    <Figure
      label={test === undefined ? "Accuracy, prompts that chose the circuit" : "Accuracy, unseen prompts"}
      value={formatShare(accuracy.circuit)}
      detail={`original ${unbroken(formatShare(accuracy.original))}`}
    />
  );
}

export function SizeFigures({ circuit }: { readonly circuit: CircuitFile }) {
  const { parameters, bytes } = circuit.metrics;
  return (
    <>
      <Figure
        label="Parameters"
        value={formatChange(parameters.original.total, parameters.circuit.total)}
        detail={`${formatCount(parameters.circuit.total)} of ${formatCount(parameters.original.total)}`}
      />
      <Figure
        label="Size of the weights"
        value={formatBytes(bytes.circuit)}
        detail={`original ${unbroken(formatBytes(bytes.original))}${perParameter(circuit)}`}
      />
    </>
  );
}

/** If the two have different number formats, sizes alone would be misleading. */
function perParameter({ metrics: { bytes, parameters } }: CircuitFile): string {
  const [before, after] = (["original", "circuit"] as const).map((key) =>
    Math.round(bytes[key] / Math.max(1, parameters[key].total)),
  );
  return before === after ? "" : `, ${unbroken(`${before} bytes`)} a number; ${unbroken(`here ${after}`)}`;
}
