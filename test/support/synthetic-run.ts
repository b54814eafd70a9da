/**
 * A run that exists on no server: a page of the studio gets its description, and decisions as a stream of any
 * length and speed. So the cost of showing a search can be measured alone.
 */
import type { Page } from "playwright-core";
import type { Decision } from "../../src/discovery/searches/decision.ts";
import type { RunDetail, RunEvent } from "../../src/server/api.ts";

export interface SyntheticRun {
  readonly id: string;
  readonly layers: number;
  readonly headsPerLayer: number;
  /** Decisions a second. */
  readonly pace: number;
}

export function decisionsOf({ layers, headsPerLayer }: SyntheticRun): readonly Decision[] {
  const decisions: Decision[] = [];
  let current = 0;
  for (let layer = layers - 1; layer >= 0; layer--) {
    for (let at = 0; at <= headsPerLayer; at++) {
      const step = decisions.length;
      const delta = step % 7 === 0 ? 0.05 : 0.0004 * (1 + (step % 5));
      const pruned = delta < 0.02;
      decisions.push({
        ...{ layer, component: at < headsPerLayer ? `head.${at}` : "mlp" },
        ...{ kl: current + delta, delta, pruned },
      });
      if (pruned) current += delta;
    }
  }
  return decisions;
}

/** Call this before the page is opened. Its address is then #/runs/ID. */
export async function serveSyntheticRun(page: Page, run: SyntheticRun): Promise<void> {
  const decisions = decisionsOf(run);
  const heads = Array.from({ length: run.layers }, () => run.headsPerLayer);
  const detail: RunDetail = {
    ...{ id: run.id, state: "running", kind: "extract", modelName: "synthetic", taskName: "stream" },
    ...{ created: "2026-01-01T00:00:00.000Z", done: 0, total: decisions.length },
    ...{ layers: run.layers, headsPerLayer: heads, step: "search", decisions: [], sequence: 0 },
    request: {
      ...{ kind: "extract", model: "", task: { kind: "builtin", name: "ioi" } },
      options: { alpha: 0.02, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 0 },
    },
  };
  await page.route(`**/api/runs/${run.id}`, (route) => route.fulfill({ json: detail }));
  const events = decisions.map(
    (decision, index): RunEvent => ({
      ...{ kind: "decision", decision },
      ...{ done: index + 1, total: decisions.length },
    }),
  );
  await page.addInitScript({ content: sourceScript(events, run.pace) });
}

/** As text, because compilers add helpers to functions that the page does not have. */
function sourceScript(events: readonly RunEvent[], pace: number): string {
  return `{
    const lines = ${JSON.stringify(events.map((event) => JSON.stringify(event)))};
    globalThis.EventSource = class {
      onmessage = null;
      constructor() {
        const start = performance.now();
        let sent = 0;
        this.timer = setInterval(() => {
          // As many as are due, however late the timers of a busy machine come.
          const due = Math.min(lines.length, Math.floor((performance.now() - start) / 1000 * ${pace}));
          for (; sent < due; sent++) this.onmessage?.({ data: lines[sent], lastEventId: String(sent + 1) });
          if (sent === lines.length) this.close();
        }, 4);
      }
      close() {
        clearInterval(this.timer);
      }
    };
  }`;
}
