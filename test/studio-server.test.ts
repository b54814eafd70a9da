/** A run's life in the studio, from its request to the zip, as a page sees it. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { extract } from "../src/jobs/extract/extract.ts";
import { loadCircuit } from "../src/jobs/load-circuit.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import type {
  AttributionResult,
  Estimate,
  ExamplesResult,
  PatternsResult,
  PreflightResult,
  RankingResult,
  RunDetail,
  RunEvent,
  RunOptions,
  RunSummary,
  ServerPrediction,
  StudioInfo,
  TaskCheck,
  TaskSource,
} from "../src/server/api.ts";
import { BUILTIN_TASKS } from "../src/tasks/builtin/index.ts";
import { circuitOf, listsOf } from "../src/transformer/circuit.ts";
import { startCli } from "./support/run-cli.ts";
import { type OpenStudio, openClient, openStudio } from "./support/studio-client.ts";

/** What a run's circuit keeps, as a knock-out is asked for. */
const keptLists = (circuit: RunDetail["circuit"]) => listsOf(circuit?.kept ?? circuitOf([]));

const searchOptions = {
  alpha: 0.02,
  ablation: "mean",
  mlps: true,
  means: "aligned",
  order: "published",
  seed: 0,
} as const;
const options: RunOptions = searchOptions;
/** Twenty prompts of each split: enough to search, and soon done. */
async function smallTask(): Promise<Extract<TaskSource, { kind: "text" }>> {
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  const text = ["patching", "validation", "test"]
    .flatMap((split) => lines.filter((line) => line.includes(`"${split}"`)).slice(0, 20))
    .join("\n");
  return { kind: "text", name: "small ioi", format: "jsonl", text };
}

let studio: OpenStudio;
let folder: string;
let task: Extract<TaskSource, { kind: "text" }>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-studio-test-"));
  studio = await openStudio();
  task = await smallTask();
});
afterAll(async () => {
  await studio.close();
  await rm(folder, { recursive: true, force: true });
});

const start = (request: object = {}) =>
  studio.post<RunSummary>("/api/runs", { kind: "extract", model: "", task, options, ...request });
const circuitFiles = [
  "circuit.json",
  "config.json",
  "onnx/model.onnx",
  "onnx/model.onnx_data",
  "tokenizer.json",
];

describe("before a run", () => {
  it("says what there is", async () => {
    const info = await studio.get<StudioInfo>("/api/info");
    expect(info.embeddedModel).toMatchObject({ model: "", name: "nano", layers: 6, width: 192 });
    expect(info.builtinTasks.map(({ name }) => name)).toEqual(BUILTIN_TASKS.map(({ name }) => name));
    expect(info.defaults).toEqual(options);
    expect(
      await studio.post("/api/models", { model: "models/nano" }).catch((error: Error) => error.message),
    ).toMatch(/^400/);
    expect(await studio.post("/api/models", { model: "nano" })).toEqual(info.embeddedModel);
    expect(await studio.post("/api/models", { model: "./nano" })).toMatchObject({
      model: "./nano",
      layers: 6,
    });
  });

  it("takes coarse units, early ends of trials and a bound of memory, and no units of searches by gates", async () => {
    const coarse = { ...options, components: "attention-layers", earlyExit: true, memory: 6e9 };
    const run = await start({ options: coarse });
    const { state, decisions, circuit } = await studio.until(run.id, "done", "failed");
    expect((await studio.send("DELETE", `/api/runs/${run.id}`)).ok).toBe(true);
    expect([state, decisions.length, decisions[0]?.also?.length]).toEqual(["done", 12, 5]);
    expect(circuit).toMatchObject({
      triedAs: "attention-layers",
      search: { options: { earlyExit: true } },
    });
    const neurons = { model: "", task, options: { ...options, components: "heads,neurons" } };
    const refused = await studio.send("POST", "/api/runs", { kind: "extract", ...neurons });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("attention-layers"),
    ]);
  });

  it("shows how a task reads, and counts its splits", async () => {
    const check = await studio.post<TaskCheck>("/api/tasks", { model: "", task, options });
    expect(check).toMatchObject({
      ...{ faults: [], promptTokens: 15, examples: { patching: 20, validation: 20, test: 20 } },
    });
    expect(check.samples[0]?.tokens.join("")).toMatch(/^Then, /);
  });

  it("asks the original before a run: what it is right on, and what deserves a word", async () => {
    const body = { model: "", task, options };
    const found = await studio.post<PreflightResult>("/api/preflight", body);
    expect(found.splits.validation).toMatchObject({ examples: 20, original: { prompts: 20, right: 20 } });
    expect(found.findings).toEqual([]);
    const text = task.text.replaceAll('[" ', '["');
    const slip = { ...task, text };
    const { findings } = await studio.post<PreflightResult>("/api/preflight", { ...body, task: slip });
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
      ["zero-accuracy", "refusal"],
      ["answer-spelling", "warning"],
    ]);
  });

  it.each([
    ["jsonl", '{"prompt":"a","answer":" b"}\n\n{"prompt":1}\nno\n{"prompt":"a","answer":" b"}', [3, 4]],
    ["csv", "prompt,answer\na, b\n,c\n\nx,y,z\nq, w\n", [3, 5]],
    ["csv", 'prompt,answer\n"a, b\n', [2]],
    ["csv", "question,answer\na,b", [1]],
    [
      "jsonl",
      '{"prompt":"Then","answer":" and"}\n{"prompt":"Then, we","answer":" and"}\n{"prompt":"we","answer":" q?z"}',
      [2, 3],
    ],
  ] as const)("tells the first fault of each line (%s, %#)", async (format, text, lines) => {
    const source = { kind: "text", name: "mine", format, text };
    const { faults } = await studio.post<TaskCheck>("/api/tasks", { model: "", task: source, options });
    expect(faults.map(({ line }) => line)).toEqual(lines);
    for (const { code, message } of faults) {
      expect(code).toBe("task");
      // The line stands in a field of its own.
      expect(message).not.toContain("mine.");
    }
  });

  it("tells fifty faults of a bad file at most, soon", async () => {
    const text = "no\n".repeat(5000);
    const source = { ...task, text };
    const { faults } = await studio.post<TaskCheck>("/api/tasks", { model: "", task: source, options });
    expect(faults.length).toBe(50);
  });

  it("tells all faults of a long CSV file, each at its line, while others are answered", async () => {
    // Some wrong rows, far from one another, and cells that hold line ends between them.
    const rows = Array.from({ length: 300_000 }, (_, at) => (at % 10_000 === 9_999 ? "a," : '"a\nb", c'));
    const source = { kind: "text", name: "long", format: "csv", text: ["prompt,answer", ...rows].join("\n") };
    const turns = watchTurns();
    const { faults } = await studio.post<TaskCheck>("/api/tasks", { model: "", task: source, options });
    const { pieces, most } = turns.end();
    // Row 10,000 begins after the first row and 9,999 rows of two lines.
    const lines = faults.map(({ line }) => line);
    expect(lines).toEqual(Array.from({ length: 30 }, (_, at) => 20_000 + at * 19_999));
    // Read at once it takes seconds.
    expect(pieces).toBeGreaterThan(300_000);
    expect(most).toBeLessThan(15_000);
  });

  it("takes an example of more answers than a call may have arguments", async () => {
    const line = (prompt: string) => JSON.stringify({ prompt, answers: new Array(200_000).fill(" a") });
    const text = [line("Then, we"), line("we"), line("Then")].join("\n");
    const source = { kind: "text", name: "many", format: "jsonl", text };
    const body = { model: "", task: source, options: { ...options, means: "pooled" } };
    const { faults, examples, samples } = await studio.post<TaskCheck>("/api/tasks", body);
    expect(faults).toEqual([]);
    expect(examples.patching + examples.validation + examples.test).toBe(3);
    expect(samples[0]?.answers.length).toBe(200_000);
  });

  it("tells a row of a million cells without parsing it", async () => {
    const text = `prompt,answer\n${",".repeat(1_000_000)}`;
    const source = { kind: "text", name: "wide", format: "csv", text };
    const { faults } = await studio.post<TaskCheck>("/api/tasks", { model: "", task: source, options });
    expect(faults).toMatchObject([{ line: 2, message: expect.stringContaining("more than 1000 cells") }]);
  });

  it("encodes no text that can't be a prompt", async () => {
    const text = `{"prompt":"${"a ".repeat(400_000)}","answer":" b"}`;
    const source = { kind: "text", name: "long", format: "jsonl", text };
    const { faults } = await studio.post<TaskCheck>("/api/tasks", { model: "", task: source, options });
    expect(faults).toMatchObject([{ line: 1, message: expect.stringContaining("800000 characters") }]);
  });

  it("encodes a large task while others are answered", async () => {
    const text = Array.from({ length: 60_000 }, (_, at) => `{"prompt":"${at} b c d e f g","answer":" b"}`);
    const source = { kind: "text", name: "long", format: "jsonl", text: text.join("\n") };
    const turns = watchTurns();
    const body = { model: "", task: source, options: { ...options, means: "pooled" } };
    const { faults, examples } = await studio.post<TaskCheck>("/api/tasks", body);
    const { pieces, most } = turns.end();
    expect(pieces).toBeGreaterThan(60_000);
    expect(most).toBeLessThan(15_000);
    expect(faults).toEqual([]);
    expect(examples.patching + examples.validation + examples.test).toBe(60_000);
  });

  it("estimates from counted operations and a measured rate", async () => {
    const found = await studio.post<Estimate>("/api/estimate", { model: "", task, options });
    expect(found.candidates).toBe(42);
    expect(found.seconds).toBeGreaterThan(0.01);
    expect(found.memoryBytes).toBeGreaterThan(50e6);
    expect(found.how).toMatch(/GFLOP\/s/);
    expect(found.how).toMatch(/Memory comes on top of what is in use now: 150 MB for the engine, \d+ MB for/);
    // Nano's three tasks needed 198 to 219 MB beyond what the studio took before; this is a smaller one.
    expect(found.memoryBytes).toBeLessThan(250e6);
    const ballast = Buffer.alloc(200e6, 1);
    const again = await studio.post<Estimate>("/api/estimate", { model: "", task, options });
    expect([ballast.length, again.memoryBytes]).toEqual([200e6, found.memoryBytes]);
    const larger = await studio.post<Estimate>("/api/estimate", {
      ...{ model: "", options, task: { kind: "builtin", name: "ioi" } },
    });
    expect(larger.memoryBytes).toBeGreaterThan(found.memoryBytes);
  });

  it("estimates a sweep by its searches, as if none shared its way", async () => {
    const body = { model: "", task, options };
    const single = await studio.post<Estimate>("/api/estimate", body);
    expect(single).not.toHaveProperty("searches");
    expect(single).not.toHaveProperty("secondsAtMost");
    const sweep = { alphas: [0.1, 0.01, 0.1], ablations: ["mean", "zero"], mlps: [true, false], seeds: [0] };
    const found = await studio.post<Estimate>("/api/estimate", { ...body, sweep });
    expect(found.searches).toBe(8);
    const ofOne = async (mlps: boolean) => {
      const choice = { alphas: [0.1], ablations: ["mean"], mlps: [mlps], seeds: [0] };
      const estimated = await studio.post<Estimate>("/api/estimate", { ...body, sweep: choice });
      return estimated.secondsAtMost ?? Number.NaN;
    };
    const [whole, headsAlone] = [await ofOne(true), await ofOne(false)];
    expect(headsAlone).toBeLessThan(whole);
    expect(found.secondsAtMost).toBeCloseTo(4 * (whole + headsAlone), 6);
    for (const wrong of [{ ...sweep, alphas: [] }, { ...sweep, more: 1 }, { alphas: [0.1] }]) {
      expect((await studio.send("POST", "/api/estimate", { ...body, sweep: wrong })).status).toBe(400);
    }
  });

  it("queues nothing that can't be run", async () => {
    for (const wrong of [
      { task: { ...task, text: "no" } },
      { model: "./gone" },
      { options: { ...options, alpha: 0 } },
      { options: { ...options, more: 1 } },
      { kind: "report" },
    ]) {
      const answer = await studio.send("POST", "/api/runs", {
        kind: "extract",
        model: "",
        task,
        options,
        ...wrong,
      });
      expect(answer.status).toBe(400);
    }
    expect(await studio.get("/api/runs")).toEqual([]);
  });
});

describe("a run", () => {
  let id: string;
  it("is paused in its middle, resumed, and ends in what pith extract finds", async () => {
    ({ id } = await start());
    const before = await studio.listen(id, 0, ({ kind }) => kind === "decision");
    expect(before.map(({ id: sequence }) => sequence).filter((each) => each !== undefined)).toEqual(
      before.filter((each) => each.id !== undefined).map((_, index) => index + 1),
    );
    await studio.post(`/api/runs/${id}/pause`, {});
    const paused = await studio.get<RunDetail>(`/api/runs/${id}`);
    expect(paused.state).toBe("paused");
    expect(paused.decisions.length).toBeGreaterThan(0);
    expect(paused.decisions.length).toBeLessThan(42);
    // What a reloaded page gets is what the stream has told.
    const replayed = await studio.listen(id, 0, (event) => isState(event, "paused"));
    expect(replayed.flatMap(({ event }) => (event.kind === "decision" ? [event.decision] : []))).toEqual(
      paused.decisions,
    );
    expect(replayed.at(-1)?.id).toBe(paused.sequence);
    expect((await studio.send("POST", `/api/runs/${id}/pause`, {})).status).toBe(409);
    expect((await studio.send("GET", `/api/runs/${id}/zip`)).status).toBe(409);
    expect((await studio.send("POST", `/api/runs/${id}/predict`, { prompt: "Then" })).status).toBe(409);

    await studio.post(`/api/runs/${id}/resume`, {});
    const rest = await studio.listen(id, paused.sequence, (event) => isState(event, "done"));
    const told = rest.flatMap(({ event }) => (event.kind === "decision" ? [event.decision] : []));
    const done = await studio.get<RunDetail>(`/api/runs/${id}`);
    expect(done).toMatchObject({ state: "done", done: 42, total: 42, layers: 6 });
    expect([...paused.decisions, ...told]).toEqual(done.circuit?.search.trace);
    expect(done.decisions).toEqual(done.circuit?.search.trace);

    const model = await loadModel();
    const path = join(folder, "small ioi.jsonl");
    await writeFile(path, task.text);
    const own = await extract(model, await readTask(path), join(folder, "own"), searchOptions);
    await model.close();
    // Times differ, and with them the file's checksum.
    const timeless = ({ checksum: _, metrics, ...circuit }: typeof own.circuit) => {
      const { milliseconds: __, ...others } = metrics;
      return { ...circuit, metrics: others };
    };
    expect(done.circuit && timeless(done.circuit)).toEqual(timeless(own.circuit));
    const weights = await studio.send("GET", `/api/runs/${id}/files/onnx/model.onnx_data`);
    const ownWeights = await readFile(join(folder, "own", "onnx", "model.onnx_data"));
    expect(ownWeights.equals(Buffer.from(await weights.arrayBuffer()))).toBe(true);
  });

  it("gives its folder away as a zip, file for file, and nothing that somebody else put there", async () => {
    const foreign = ["private.txt", "onnx/private.onnx"];
    for (const name of foreign) {
      await writeFile(join(studio.dataFolder, "runs", id, "circuit", name), "private");
      expect((await studio.send("GET", `/api/runs/${id}/files/${name}`)).status, name).toBe(404);
    }
    const answer = await studio.send("GET", `/api/runs/${id}/zip`);
    expect(answer.headers.get("content-disposition")).toBe(
      'attachment; filename="nano-small-ioi-circuit.zip"',
    );
    const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
    const place = join(studio.dataFolder, "runs", id, "circuit");
    const names = (await readdir(place, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1))
      .filter((name) => !foreign.includes(name));
    expect(Object.keys(files).sort()).toEqual(names.map((name) => `nano-small-ioi-circuit/${name}`).sort());
    for (const name of names) {
      const packed = files[`nano-small-ioi-circuit/${name}`];
      expect(packed && Buffer.from(packed).equals(await readFile(join(place, name))), name).toBe(true);
    }
    for (const name of circuitFiles) {
      expect((await studio.send("GET", `/api/runs/${id}/files/${name}`)).status, name).toBe(200);
    }
    for (const name of [
      "",
      "../request.json",
      "%2e%2e/request.json",
      "..%2frequest.json",
      "onnx",
      "nothing",
    ]) {
      expect((await studio.send("GET", `/api/runs/${id}/files/${name}`)).status, name).toBe(404);
    }
  });

  it("gives a static site away, with the circuit in it", async () => {
    const answer = await studio.send("GET", `/api/runs/${id}/share`);
    expect(answer.headers.get("content-disposition")).toContain("nano-small-ioi-site.zip");
    const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
    const names = Object.keys(files);
    for (const name of ["index.html", "circuits/circuit/onnx/model.onnx_data"]) {
      expect(names).toContain(`nano-small-ioi-site/${name}`);
    }
    // What the run keeps to itself does not go out.
    expect(names.filter((name) => /request\.json|state\.json|events|journal/.test(name))).toEqual([]);
  });

  it("answers for the original, and for the circuit with parts knocked out and put back", async () => {
    const prompt = "Then, Marcus and Michelle went to the garden. Marcus gave a computer to";
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { heads, mlps } = keptLists(circuit);
    const layers = Array.from({ length: 6 }, (_, layer) => layer);
    const everything = {
      heads: layers.flatMap((layer) => layers.map((head) => [layer, head])),
      mlps: layers,
    };
    const original = await studio.post<ServerPrediction>(`/api/runs/${id}/predict`, { prompt });
    expect(original.top.map(({ text }) => text)).toContain(" Michelle");
    expect(original.top).toHaveLength(10);
    expect(original.tokens.join("")).toBe(prompt);
    expect(original.milliseconds).toBeGreaterThan(0);
    const whole = await studio.post<ServerPrediction>(`/api/runs/${id}/knock`, { prompt, ...everything });
    const kept = await studio.post<ServerPrediction>(`/api/runs/${id}/knock`, { prompt, heads, mlps });
    for (const [index, token] of original.top.entries()) {
      expect(whole.top[index]?.id).toBe(token.id);
      expect(whole.top[index]?.logit).toBeCloseTo(token.logit, 4);
    }
    const shipped = await loadCircuit(join(studio.dataFolder, "runs", id, "circuit"));
    const own = await shipped.predict(prompt, 10);
    await shipped.close();
    for (const [index, token] of own.entries()) {
      expect(kept.top[index]?.id).toBe(token.id);
      expect(kept.top[index]?.logit).toBeCloseTo(token.logit, 4);
    }
    const less = await studio.post<ServerPrediction>(`/api/runs/${id}/knock`, {
      prompt,
      heads: [],
      mlps: [],
    });
    expect(less.top[0]?.logit).not.toBeCloseTo(kept.top[0]?.logit ?? 0, 1);

    const neurons = Array.from({ length: 768 }, (_, neuron) => neuron);
    const listed = (own: readonly number[]) =>
      studio.post<ServerPrediction>(`/api/runs/${id}/knock`, { prompt, ...everything, neurons: [[2, own]] });
    expect((await listed(neurons)).top).toEqual(whole.top);
    // Of no neuron nothing is left but the MLP's own mean.
    const without2 = { ...everything, mlps: layers.filter((layer) => layer !== 2) };
    const pruned = await studio.post<ServerPrediction>(`/api/runs/${id}/knock`, { prompt, ...without2 });
    expect((await listed([])).top).toEqual(pruned.top);
    const one = await listed([5]);
    expect(one.top[0]?.logit).toBeCloseTo(pruned.top[0]?.logit ?? 0, 0);
    expect(one.top[0]?.logit).not.toBe(pruned.top[0]?.logit);

    const wrong = await studio.send("POST", `/api/runs/${id}/knock`, { prompt, heads: [[0, 6]], mlps: [] });
    expect(await wrong.json()).toMatchObject({ error: { code: "options", field: "heads" } });
    const beyond = { prompt, heads: [], mlps: [], neurons: [[2, [768]]] };
    const missing = await studio.send("POST", `/api/runs/${id}/knock`, beyond);
    expect(await missing.json()).toMatchObject({ error: { code: "options", field: "neurons" } });
    const short = await studio.send("POST", `/api/runs/${id}/predict`, { prompt: "Then, Marcus" });
    expect(short.status).toBe(400);
    expect(await short.json()).toMatchObject({ error: { message: expect.stringContaining("exactly 15") } });
  });

  it("shows where its heads look and what its parts add", async () => {
    const prompt = "Then, Marcus and Michelle went to the garden. Marcus gave a computer to";
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { tokens, heads } = await studio.post<PatternsResult>(`/api/runs/${id}/patterns`, { prompt });
    expect(heads.map(({ layer, head }) => [layer, head])).toEqual(keptLists(circuit).heads);
    for (const row of heads.flatMap(({ pattern }) => pattern)) {
      expect(row).toHaveLength(tokens.length);
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
    }
    const likeliest = await studio.post<AttributionResult>(`/api/runs/${id}/attribution`, { prompt });
    expect(likeliest.answer).toBe(" Michelle");
    expect(likeliest.parts.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(likeliest.total, 6);
    const other = await studio.post<AttributionResult>(`/api/runs/${id}/attribution`, {
      prompt,
      answer: " Marcus",
    });
    expect(other.total).toBeLessThan(likeliest.total);
    const two = await studio.send("POST", `/api/runs/${id}/attribution`, { prompt, answer: " Marcus gave" });
    expect(await two.json()).toMatchObject({ error: { field: "answer" } });
  });

  it("shows the inside of other components as well, for the answer of the circuit itself", async () => {
    const prompt = "Then, Marcus and Michelle went to the garden. Marcus gave a computer to";
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const own = keptLists(circuit);
    const [, ...heads] = own.heads;
    const less = { heads, mlps: own.mlps };
    const attribute = (body: object) =>
      studio.post<AttributionResult>(`/api/runs/${id}/attribution`, { prompt, ...body });
    const [shipped, same, knocked] = [
      await attribute({}),
      await attribute({ kept: own }),
      await attribute({ kept: less }),
    ];
    expect(same.parts.map(({ name }) => name)).toEqual(shipped.parts.map(({ name }) => name));
    for (const [at, { value }] of shipped.parts.entries())
      expect(same.parts[at]?.value).toBeCloseTo(value, 3);
    const gone = `head ${own.heads[0]?.join(".")}`;
    expect(shipped.parts.map(({ name }) => name)).toContain(gone);
    expect(knocked.parts.map(({ name }) => name)).toEqual(
      shipped.parts.map(({ name }) => name).filter((name) => name !== gone),
    );
    expect(knocked.answer).toBe(shipped.answer);
    expect(same.total).toBeCloseTo(shipped.total, 3);
    expect(knocked.total).not.toBeCloseTo(shipped.total, 2);
    const seen = await studio.post<PatternsResult>(`/api/runs/${id}/patterns`, { prompt, kept: less });
    expect(seen.heads.map(({ layer, head }) => [layer, head])).toEqual(heads);
    const wrong = await studio.send("POST", `/api/runs/${id}/patterns`, {
      ...{ prompt, kept: { heads: [[0, 99]], mlps: [] } },
    });
    expect(wrong.status).toBe(400);
  });

  it("measures its examples as it was measured, and names those that the two answer differently", async () => {
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { splits, disagreements } = await studio.get<ExamplesResult>(`/api/runs/${id}/examples`);
    for (const split of ["validation", "test"] as const) {
      expect(splits[split]?.accuracy).toBe(circuit?.metrics.accuracy[split]?.circuit);
      expect(splits[split]?.originalAccuracy).toBe(circuit?.metrics.accuracy[split]?.original);
      expect(splits[split]?.kl).toBeCloseTo(circuit?.metrics.kl[split] ?? Number.NaN, 6);
    }
    expect(disagreements.length).toBeGreaterThan(0);
    for (const { original, circuit: own } of disagreements) expect(original).not.toBe(own);
    expect(await studio.get(`/api/runs/${id}/examples`)).toEqual({ splits, disagreements });
  });

  it("ranks the original's components beside the search's decisions", async () => {
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { ranking, loss, components } = await studio.get<RankingResult>(`/api/runs/${id}/rankings/fisher`);
    expect([ranking, loss]).toEqual(["fisher", "kl"]);
    const deltas = circuit?.search.trace.map(({ delta }) => delta).sort();
    expect(components.flatMap(({ delta }) => delta ?? []).sort()).toEqual(deltas);
    const scores = components.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((one, other) => other - one));
    const answer = await studio.send("GET", `/api/runs/${id}/rankings/wifv`);
    expect(answer.status).toBe(400);
  });
});

describe("a model of one's own", () => {
  it("goes by its folder's name in all that leaves the machine, and is noted for later beside it", async () => {
    const cache = join(folder, "cache");
    vi.stubEnv("XDG_CACHE_HOME", cache);
    const { id } = await start({ model: "./nano" });
    const done = await studio.until(id, "done", "failed");
    vi.unstubAllEnvs();
    expect(done).toMatchObject({ state: "done", modelName: "nano", circuit: { model: { name: "nano" } } });
    const path = resolve("models/nano");
    for (const what of ["zip", "share"]) {
      const answer = await studio.send("GET", `/api/runs/${id}/${what}`);
      const files = unzipSync(new Uint8Array(await answer.arrayBuffer()));
      for (const [name, bytes] of Object.entries(files)) {
        expect(Buffer.from(bytes).includes(resolve("models")), name).toBe(false);
      }
    }
    const [note = ""] = await readdir(join(cache, "pith", "originals"));
    expect(await readFile(join(cache, "pith", "originals", note), "utf8")).toBe(path);
    expect((await studio.send("DELETE", `/api/runs/${id}`)).status).toBe(204);
  });
});

describe("the queue", () => {
  it("runs one at a time; what waits can be cancelled, and what ran can be deleted", async () => {
    const first = await start();
    const second = await start();
    const third = await start();
    expect([first.state, second.state, third.state]).toEqual(["running", "queued", "queued"]);
    await studio.post(`/api/runs/${second.id}/cancel`, {});
    await studio.listen(first.id, 0, ({ kind }) => kind === "decision");
    await studio.post(`/api/runs/${first.id}/cancel`, {});
    expect(await studio.get(`/api/runs/${first.id}`)).toMatchObject({ state: "cancelled" });
    const left = await readdir(join(studio.dataFolder, "runs", first.id));
    expect(left.sort()).toEqual(["events.jsonl", "request.json", "state.json", "task"]);
    expect((await studio.send("POST", `/api/runs/${first.id}/resume`, {})).status).toBe(409);
    expect((await studio.until(third.id, "running")).state).toBe("running");
    expect(await studio.get(`/api/runs/${second.id}`)).toMatchObject({ state: "cancelled", done: 0 });

    for (const { id } of [first, second, third]) {
      expect((await studio.send("DELETE", `/api/runs/${id}`)).status).toBe(204);
      expect((await studio.send("GET", `/api/runs/${id}`)).status).toBe(404);
    }
    expect(await readdir(join(studio.dataFolder, "runs"))).toHaveLength(1);
  });

  it("a cancel is not lost to a pause that is under way, nor to a resume", async () => {
    const { id } = await start();
    await studio.listen(id, 0, ({ kind }) => kind === "decision");
    const all = (...actions: readonly string[]) =>
      Promise.all(actions.map((action) => studio.send("POST", `/api/runs/${id}/${action}`, {})));
    const answers = await all("pause", "cancel", "pause");
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const states = await Promise.all(answers.map(async (each) => ((await each.json()) as RunSummary).state));
    expect(states[1]).toBe("cancelled");
    expect((await studio.get<RunDetail>(`/api/runs/${id}`)).state).toBe("cancelled");
    expect(await readdir(join(studio.dataFolder, "runs", id))).not.toContain(".circuit.journal.jsonl");
    expect((await studio.send("DELETE", `/api/runs/${id}`)).status).toBe(204);

    const other = await start();
    await studio.post(`/api/runs/${other.id}/pause`, {});
    const path = `/api/runs/${other.id}`;
    const [resumed, cancelled] = await Promise.all([
      studio.send("POST", `${path}/resume`, {}),
      studio.send("POST", `${path}/cancel`, {}),
    ]);
    expect([resumed.status, cancelled.status]).toEqual([200, 200]);
    expect((await studio.get<RunDetail>(path)).state).toBe("cancelled");
    const state = await readFile(join(studio.dataFolder, "runs", other.id, "state.json"), "utf8");
    expect(JSON.parse(state)).toMatchObject({ state: "cancelled" });
    const deleted = await Promise.all([studio.send("DELETE", path), studio.send("DELETE", path)]);
    expect(deleted.map(({ status }) => status)).toContain(204);
    for (const { status } of deleted) expect([204, 404]).toContain(status);
  });

  it("takes no more than twenty that wait", async () => {
    const { id } = await start();
    const waiting = await Promise.all(
      Array.from({ length: 24 }, () =>
        studio.send("POST", "/api/runs", {
          ...{ kind: "extract", model: "", task, options },
        }),
      ),
    );
    const refused = waiting.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    const runs = await studio.get<readonly RunSummary[]>("/api/runs");
    for (const run of runs.filter(({ state }) => state === "queued")) {
      await studio.send("DELETE", `/api/runs/${run.id}`);
    }
    await studio.send("DELETE", `/api/runs/${id}`);
  });
});

describe("a sweep", () => {
  it("is a run like any other, and ends in rows", async () => {
    const request = {
      ...{ kind: "sweep", alphas: [0.3, 0.01], ablations: ["zero"], mlps: [true, false], seeds: [0] },
    } as const;
    const { id, total } = await start(request);
    expect(total).toBe(2);
    const detail = await studio.until(id, "done", "failed");
    expect(detail).toMatchObject({ state: "done", done: 2, total: 2 });
    expect(detail.rows?.map(({ alpha, mlps }) => [alpha, mlps])).toEqual([
      [0.01, true],
      [0.3, true],
      [0.01, false],
      [0.3, false],
    ]);
    expect((await studio.send("POST", `/api/runs/${id}/predict`, { prompt: "Then" })).status).toBe(409);
    const zip = unzipSync(
      new Uint8Array(await (await studio.send("GET", `/api/runs/${id}/zip`)).arrayBuffer()),
    );
    expect(Object.keys(zip)).toContain("nano-small-ioi-sweep/sweep.csv");
  });
});

describe("the server", () => {
  it("says that a port is taken", async () => {
    const { port } = studio.studio;
    const result = await startCli(["studio", "--no-open", "--port", `${port}`, "--data", "data"], folder)
      .result;
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toContain(`${port} is taken by another program.`);
    expect(result.stderr).not.toContain("    at ");
  });

  it.skipIf(process.platform !== "linux")(
    "starts a browser with a code that opens it once, not with its token",
    async () => {
      const programs = join(folder, "programs");
      await mkdir(programs);
      // What a browser is started with can be read by all users of the machine; this one writes it down.
      const script = `#!/bin/sh\nprintf %s "$*" > ${programs}/told.partial\nmv ${programs}/told.partial ${programs}/told\n`;
      await writeFile(join(programs, "xdg-open"), script, { mode: 0o755 });
      const words = ["studio", "--json", "--data", join(folder, "opened")];
      const cli = startCli(words, folder, `PATH=${programs}:$PATH exec "$@"`);
      const line = await new Promise<string>((resolve) =>
        cli.child.stdout?.once("data", (text) => resolve(`${text}`)),
      );
      const { url } = JSON.parse(line) as { url: string };
      const token = new URL(url).searchParams.get("token") ?? "";
      const told = await vi.waitFor(() => readFile(join(programs, "told"), "utf8"), { timeout: 175_000 });
      expect(told).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?code=[\w-]{43}$/);
      expect(told).not.toContain(token);
      const first = await fetch(told, { redirect: "manual" });
      expect(first.headers.get("set-cookie")).toContain(token);
      expect((await fetch(told, { redirect: "manual" })).status).toBe(401);
      cli.child.kill("SIGINT");
      expect(await cli.result).toMatchObject({ code: 0 });
    },
  );

  it("shares its folder with no other", async () => {
    const { dataFolder } = studio;
    await expect(openStudio({ dataFolder })).rejects.toThrow("another studio uses this folder.");
  });

  it("goes on after a kill where it was, and what is asked for is there again; Ctrl-C ends it in order", async () => {
    const data = join(folder, "killed");
    const words = ["studio", "--no-open", "--json", "--data", data, "--root", folder];
    const open = async () => {
      const cli = startCli(words, folder);
      const line = await new Promise<string>((resolve) =>
        cli.child.stdout?.once("data", (text) => resolve(`${text}`)),
      );
      return { cli, client: await openClient((JSON.parse(line) as { url: string }).url) };
    };
    const request = { kind: "extract", model: "", task, options };
    const first = await open();
    const { id } = await first.client.post<RunSummary>("/api/runs", request);
    const waiting = await first.client.post<RunSummary>("/api/runs", request);
    let decisions = 0;
    const told = await first.client.listen(id, 0, ({ kind }) => kind === "decision" && ++decisions === 5);
    first.cli.child.kill("SIGKILL");
    expect(await first.cli.result).toMatchObject({ signal: "SIGKILL" });
    // What the killed server was writing is torn.
    const journal = join(data, "runs", id, "events.jsonl");
    await writeFile(journal, '{"kind":"decis', { flag: "a" });

    const second = await open();
    const last = told.findLast((each) => each.id !== undefined)?.id ?? 0;
    await second.client.listen(id, last, (event) => isState(event, "done"));
    const done = await second.client.get<RunDetail>(`/api/runs/${id}`);
    const own = JSON.parse(await readFile(join(folder, "own", "circuit.json"), "utf8"));
    expect(done.circuit?.search.trace).toEqual(parseCircuitFile(own).search.trace);
    expect(done.decisions).toEqual(done.circuit?.search.trace);

    // Ctrl-C in the middle of a run: it stands as running, for the next server.
    await second.client.listen(waiting.id, 0, ({ kind }) => kind === "decision");
    second.cli.child.kill("SIGINT");
    expect(await second.cli.result).toMatchObject({ code: 0, stderr: "" });
    const state = JSON.parse(await readFile(join(data, "runs", waiting.id, "state.json"), "utf8"));
    expect(state).toMatchObject({ state: "running" });
    expect(await readdir(join(data, "runs", waiting.id))).toContain(".circuit.journal.jsonl");
    expect(await readdir(data)).toEqual(["runs"]);
  });
});

/**
 * Counts what this thread, which is the studio's as well, does between two turns of its event loop. Work that makes
 * way for others asks the time after each of its pieces; here, each has taken a microsecond.
 */
function watchTurns() {
  const began = performance.now();
  let [pieces, inTurn, most] = [0, 0, 0];
  const clock = vi.spyOn(performance, "now").mockImplementation(() => {
    most = Math.max(most, ++inTurn);
    return began + ++pieces / 1000;
  });
  const turn = () => {
    inTurn = 0;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  return {
    /** @returns how many pieces there were, and how many in the turn that had most. */
    end() {
      clearImmediate(next);
      clock.mockRestore();
      return { pieces, most };
    },
  };
}

function isState(event: RunEvent, state: string): boolean {
  return event.kind === "state" && event.state === state;
}
