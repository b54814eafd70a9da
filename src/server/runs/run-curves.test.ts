import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRequest, RunState } from "../api.ts";
import { closedEventLog } from "./event-log.ts";
import type { Run } from "./run.ts";
import { curvesBeside } from "./run-curves.ts";

const options = {
  alpha: 0.02,
  ablation: "mean",
  mlps: true,
  means: "aligned",
  order: "published",
  seed: 0,
} as const;
const common = { model: "", task: { kind: "builtin", name: "ioi" }, options } as const;
const sweep: RunRequest = {
  ...{ kind: "sweep", ...common, alphas: [0.1], ablations: ["mean"], mlps: [true], seeds: [0, 1] },
};
const learned = { kind: "extract", search: "learned", ...common } as const satisfies RunRequest;
const curve = [0.1, 1].map((size) => ({
  ...{ size, heads: 1, mlps: 1, neurons: 0, kl: { validation: 1 - size }, accuracy: { validation: size } },
}));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-curves-"));
  const { files: _, checksum: __, ...circuit } = JSON.parse(await readFile("test/format-1/ioi.json", "utf8"));
  for (const [name, text] of [
    ["drawn", JSON.stringify({ ...circuit, curve })],
    ["without", JSON.stringify(circuit)],
    ["damaged", "{"],
  ] as const) {
    await mkdir(join(folder, name, "circuit"), { recursive: true });
    await writeFile(join(folder, name, "circuit", "circuit.json"), text);
  }
});
afterAll(() => rm(folder, { recursive: true }));

const run = (id: string, request: RunRequest, state: RunState = "done"): Run => ({
  record: {
    ...{ id, folder: join(folder, id), created: "", modelName: "nano", taskName: "ioi", headsPerLayer: [] },
    request,
  },
  log: closedEventLog(),
  status: { state, done: 1, total: 1 },
});

test("beside a sweep stand the curves of finished learned runs of its setting", async () => {
  const beside = (request: RunRequest, state?: RunState) =>
    curvesBeside(run("sweep", sweep), [run("drawn", request, state)]);
  expect(await beside(learned)).toMatchObject([{ id: "drawn", ablation: "mean", points: curve }]);
  expect(await beside({ ...learned, options: { ...options, alpha: 0.5, seed: 1 } })).toHaveLength(1);
  const { search: _, ...greedy } = learned;
  const others: readonly RunRequest[] = [
    greedy,
    { ...learned, model: "another" },
    { ...learned, task: { kind: "builtin", name: "greater-than" } },
    { ...learned, options: { ...options, ablation: "zero" } },
    { ...learned, options: { ...options, seed: 2 } },
    { ...learned, options: { ...options, means: "pooled" } },
    { ...learned, options: { ...options, bos: true } },
  ];
  for (const other of others) expect(await beside(other)).toEqual([]);
  expect(await beside(learned, "running")).toEqual([]);
});

test("a run without a curve, or one that can't be read, has none; nor has a run that is no sweep", async () => {
  const all = ["without", "damaged", "gone", "drawn"].map((id) => run(id, learned));
  expect((await curvesBeside(run("sweep", sweep), all)).map(({ id }) => id)).toEqual(["drawn"]);
  expect(await curvesBeside(run("own", learned), all)).toEqual([]);
});
