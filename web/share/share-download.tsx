/** Downloads of the circuit's folder: as one zip archive, made in the browser, or file by file. */
import { useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { SharedCircuit } from "../../src/export/site-file.ts";
import { formatBytes } from "../../src/report/format.ts";
import { type Fault, faultOf } from "../data/api-client.ts";
import { FaultNotice } from "../parts/notice.tsx";

export interface ShareDownloadProps {
  readonly shared: SharedCircuit;
  readonly circuit: CircuitFile;
}

export function ShareDownload({ shared, circuit }: ShareDownloadProps) {
  const [done, setDone] = useState<number | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const total = shared.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const download = async () => {
    setFault(undefined);
    setDone(0);
    try {
      const { zipCircuit } = await import("./zip-circuit.ts");
      save(await zipCircuit(shared, setDone), `${shared.name}.zip`);
    } catch (thrown) {
      setFault(faultOf(thrown));
    } finally {
      setDone(undefined);
    }
  };
  return (
    <section aria-labelledby="download-title">
      <h2 id="download-title">Take it with you</h2>
      <p>
        The circuit's folder is {whatOpens(circuit)}, with its tokenizer, a model card, and how it was found.
      </p>
      <p>
        <button type="button" class="button" disabled={done !== undefined} onClick={download}>
          {done === undefined
            ? `Download as zip, ${formatBytes(total)}`
            : `${formatBytes(done)} of ${formatBytes(total)}…`}
        </button>
      </p>
      {fault !== undefined && <FaultNotice fault={fault} />}
      <details class="more">
        <summary>File by file</summary>
        <ul class="inside plain">
          {shared.files.map(({ name, bytes }) => (
            <li key={name}>
              <a href={shared.path + name} download={name.replace(/^.*\//, "")}>
                {name}
              </a>{" "}
              <span class="hint">{formatBytes(bytes)}</span>
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

/** As in the model card: only a circuit for any length generates text. */
function whatOpens({ profile, compiled }: CircuitFile): string {
  if (compiled !== undefined) return "a graph for ONNX Runtime and Pith";
  if (profile.kind === "decoder")
    return "a model for ONNX Runtime, and for transformers.js to generate text with";
  return `a model for ONNX Runtime and transformers.js: ${profile.length} tokens in, the next token's logits out`;
}

function save(archive: Blob, name: string): void {
  const url = URL.createObjectURL(archive);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // By then the browser has its own reference to the data.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
