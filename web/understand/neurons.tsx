/**
 * The neurons of one MLP, on demand: which of them are in, as runs of numbers that a person can read, and change. A layer
 * has thousands, so they have no cells of their own on the map.
 */
import { useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { shapeOfFile } from "../../src/export/file-circuit.ts";
import { type Circuit, keptNeurons } from "../../src/transformer/circuit.ts";
import { formatIndices, parseIndices } from "../../src/transformer/index-runs.ts";
import { withNeurons } from "./kept-parts.ts";

export interface NeuronsProps {
  readonly circuit: CircuitFile;
  readonly kept: Circuit;
  readonly onChange: (change: (kept: Circuit) => Circuit) => void;
}

export function Neurons({ circuit, kept, onChange }: NeuronsProps) {
  const shape = shapeOfFile(circuit);
  const inPart = shape.findIndex((_, each) => {
    const own = keptNeurons(circuit.kept, each);
    return own !== "all" && own.length > 0;
  });
  const [layer, setLayer] = useState(Math.max(0, inPart));
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const hidden = shape[layer]?.hidden;
  // Files of earlier versions do not say how many neurons there are.
  if (hidden === undefined) return null;
  const own = keptNeurons(kept, layer);
  const text = typed ?? (own === "all" ? `0-${hidden - 1}` : formatIndices(own));
  const parsed = text.trim() === "" ? [] : parseIndices(text, hidden);
  const fault = "fault" in parsed ? parsed.fault : undefined;
  return (
    <details class="more">
      <summary>Neurons</summary>
      <form
        class="inside neurons"
        onSubmit={(event) => {
          event.preventDefault();
          if ("fault" in parsed) return;
          onChange((before) => withNeurons(before, layer, parsed, shape));
          setTyped(undefined);
        }}
      >
        <label>
          Layer{" "}
          <select
            value={layer}
            onChange={({ currentTarget }) => {
              setLayer(Number(currentTarget.value));
              setTyped(undefined);
            }}
          >
            {shape.map((_, each) => (
              <option value={each} key={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <label>
          Neurons that are in, of 0 to {hidden - 1}
          <textarea
            rows={3}
            spellcheck={false}
            value={text}
            aria-invalid={fault !== undefined}
            aria-describedby="neurons-fault"
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </label>
        <p class="hint" id="neurons-fault" role="status">
          {fault === undefined ? "" : `The list ${fault}.`}
        </p>
        <button type="submit" class="button" disabled={typed === undefined || fault !== undefined}>
          Use these neurons
        </button>
      </form>
    </details>
  );
}
