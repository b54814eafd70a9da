import { afterEach, expect, test, vi } from "vitest";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { RunDetail, RunOptions, RunRequest } from "../../src/server/api.ts";
import { circuitOfLists } from "../../src/transformer/circuit.ts";
import { json, playServer, settled } from "../testing.ts";
import { factsOf } from "./run-facts.ts";

afterEach(() => vi.unstubAllGlobals());

const options: RunOptions = {
  ...{ alpha: 0.02, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 0 },
};
const base = { model: "", task: { kind: "builtin", name: "ioi" } } as const;
const extract: RunRequest = { ...base, kind: "extract", options };
const sweep = (alphas: readonly number[]): RunRequest => ({
  ...{ ...base, kind: "sweep", options, alphas, ablations: ["mean"], mlps: [true], seeds: [0] },
});
/** What a page is told of a run; of its circuit, no more than is read here. */
const detail = (request: RunRequest, more: object = {}): RunDetail => ({
  ...{ id: "x", state: "done", kind: request.kind, modelName: "nano", taskName: "ioi" },
  ...{ created: "2026-01-01T00:00:00.000Z", done: 0, total: 0, request },
  ...{ layers: 1, headsPerLayer: [1], decisions: [], sequence: 0, ...more },
});
const circuit = (accuracy: CircuitFile["metrics"]["accuracy"]) => ({
  circuit: {
    kept: circuitOfLists({ heads: [[0, 0]], mlps: [0, 1] }),
    metrics: { accuracy, bytes: { original: 9, circuit: 6_213_304 } },
  },
});

let count = 0;
async function facts(told: RunDetail): Promise<readonly string[]> {
  playServer(() => json(told));
  // What is known of a run is kept: each test has its own.
  const found = factsOf(`run ${count++}`, "done");
  expect(found.value).toEqual([]);
  await settled();
  return found.value.map((fact) => fact.replaceAll("\u00a0", " "));
}

test("a search under way is told by its settings", async () => {
  expect(await facts(detail(extract))).toEqual(["α = 0.02"]);
  const other = { ...options, ablation: "zero", means: "pooled" } as const;
  expect(await facts(detail({ ...extract, options: other }))).toEqual(["α = 0.02", "zeros", "any length"]);
});

test("a circuit by its accuracy, on unseen prompts where there are any, its parts and its size", async () => {
  const validation = { original: 1, circuit: 0.98 };
  const test = { original: 1, circuit: 0.9933 };
  const rest = ["1 head, 2 MLPs", "6.21 MB"];
  expect(await facts(detail(extract, circuit({ validation, test })))).toEqual([
    ...["α = 0.02", "99.3 % right (unseen)", ...rest],
  ]);
  expect(await facts(detail(extract, circuit({ validation })))).toEqual([
    ...["α = 0.02", "98.0 % right (validation)", ...rest],
  ]);
});

test("a sweep by its thresholds and how many circuits it found", async () => {
  expect(await facts(detail(sweep([0.5])))).toEqual(["α = 0.5"]);
  expect(await facts(detail(sweep([0.5, 0.001, 0.1]), { rows: [{}, {}] }))).toEqual([
    ...["α from 0.001 to 0.5", "2 circuits"],
  ]);
});

test("asked once for each state, one after another; what failed is asked again", async () => {
  let fails = true;
  const requests = playServer(({ path }) => {
    if (path.endsWith("broken") && fails) throw new TypeError("fetch failed");
    return json(detail(extract));
  });
  const running = factsOf("one", "running");
  expect(factsOf("one", "running")).toBe(running);
  expect(factsOf("one", "done")).not.toBe(running);
  const broken = factsOf("broken", "done");
  expect(requests).toHaveLength(0);
  await settled();
  expect(requests.map(({ path }) => path)).toEqual(["/api/runs/one", "/api/runs/one", "/api/runs/broken"]);
  expect(broken.value).toEqual([]);
  fails = false;
  const again = factsOf("broken", "done");
  await settled();
  expect(again.value).toEqual(["α\u00a0=\u00a00.02"]);
});
