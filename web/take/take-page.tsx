/**
 * The page with a circuit's results to take away: its folder, or a site that runs it in the visitor's browser.
 */
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { formatBytes } from "../../src/report/format.ts";
import { Download } from "./download.tsx";

export function TakePage({ id, circuit }: { readonly id: string; readonly circuit: CircuitFile }) {
  const { metrics, profile } = circuit;
  return (
    <div class="take">
      <section class="card" aria-labelledby="zip-title">
        <h2 id="zip-title">The folder</h2>
        <p>
          A model of its own: an ONNX graph, {formatBytes(metrics.bytes.circuit)} of weights, the tokenizer, a
          model card, and circuit.json with every decision of the search.
        </p>
        <Download path={`/api/runs/${id}/zip`} label="Download the folder" primary />
        <h3>What opens it</h3>
        <ul class="take-list">
          <li>
            <code>pith run</code> and <code>pith eval</code> on the command line
          </li>
          <li>ONNX Runtime, in any language it has</li>
          {profile.kind === "decoder" ? (
            <li>transformers.js, as a text-generation model with a key/value cache</li>
          ) : (
            <li>
              <code>input_ids</code> of {profile.length} tokens in, the next token's logits out
            </li>
          )}
        </ul>
      </section>
      <section class="card" aria-labelledby="share-title">
        <h2 id="share-title">A page to share</h2>
        <p>
          A static site with the circuit in it: it runs in the visitor's browser, and needs no server beyond
          one that hands out files. Put it on any static host, under any path.
        </p>
        <Download path={`/api/runs/${id}/share`} label="Download the site" />
        <p class="hint">
          The same on the command line: <code>pith share DIR --out SITE</code>. Opened from the disk by a
          double click it won't run: browsers let such pages read no files.
        </p>
      </section>
    </div>
  );
}
