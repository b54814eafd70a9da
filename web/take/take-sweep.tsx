/** The page with a sweep's results to take away: its figures as files that other tools read. */
import type { RunDetail } from "../../src/server/api.ts";
import { runPath } from "../data/router.ts";
import { Download } from "./download.tsx";

export function TakeSweep({ detail }: { readonly detail: RunDetail }) {
  const count = detail.rows?.length ?? 0;
  return (
    <div class="take">
      <section class="card" aria-labelledby="zip-title">
        <h2 id="zip-title">The figures</h2>
        <p>
          Size, accuracy and KL of all {count} circuits, with the components that each keeps:{" "}
          <code>sweep.csv</code> for a spreadsheet, <code>sweep.jsonl</code> for a program.
        </p>
        <Download path={`/api/runs/${detail.id}/zip`} label="Download the folder" primary />
      </section>
      <section class="card" aria-labelledby="one-title">
        <h2 id="one-title">One of its circuits</h2>
        <p>
          A sweep holds no models. Choose a point under <a href={runPath(detail.id, "compare")}>Compare</a>{" "}
          and extract it: that run then has the model, and a page to share.
        </p>
      </section>
    </div>
  );
}
