import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Estimate, ModelSummary, RunOptions, StudioInfo, TaskCheck } from "../../src/server/api.ts";
import { json, later, type PlayedRequest, playServer } from "../testing.ts";

const options: RunOptions = {
  ...{ alpha: 0.02, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 7 },
};
const summary = (model: string): ModelSummary => ({
  ...{
    model,
    name: model || "nano",
    layers: 1,
    heads: [1],
    grouped: false,
    width: 4,
    parameters: 10,
    bytes: 20,
  },
});
const info: StudioInfo = {
  ...{ pith: "0.1.0", embeddedModel: summary(""), builtinTasks: [], defaults: options },
  machine: { cores: 2, memoryBytes: 1e9 },
};
const taskCheck: TaskCheck = { faults: [], examples: { patching: 1, validation: 1, test: 1 }, samples: [] };
const estimate: Estimate = { candidates: 2, seconds: 1, memoryBytes: 1e6, how: "by the like" };
const findings = (...severities: readonly string[]) => ({
  findings: severities.map((severity) => ({ code: "x", severity, sentence: "", advice: "" })),
});

/** Every form of a test is a new one: what a person chose lives in the module. */
let form: typeof import("./run-form.ts");
let requests: readonly PlayedRequest[];
/** What the server says; a test may say otherwise. */
let answers: Record<string, (request: PlayedRequest) => Response | Promise<Response>>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.resetModules();
  form = await import("./run-form.ts");
  answers = {
    "/api/info": () => json(info),
    "/api/tasks": () => json(taskCheck),
    "/api/preflight": () => json(findings()),
    "/api/estimate": () => json(estimate),
  };
  requests = playServer((request) => {
    const answer = answers[request.path];
    return answer === undefined
      ? json({ error: { code: "test", message: request.path } }, 404)
      : answer(request);
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Whatever is due, with all answers. */
const rest = () => vi.advanceTimersByTimeAsync(1000);
const asked = (path: string) => requests.filter((request) => request.path === path);

describe("checking", () => {
  test("begins with the embedded model and the server's defaults, and then all may start", async () => {
    await form.loadInfo();
    expect([form.model.value, form.options.value]).toEqual([summary(""), options]);
    expect([form.checking.value, form.canStart()]).toEqual([true, false]);
    await rest();
    expect([form.check.value, form.estimate.value]).toEqual([taskCheck, estimate]);
    expect([form.checking.value, form.canStart()]).toEqual([false, true]);
    expect(requests.map(({ path }) => path)).toEqual([
      ...["/api/info", "/api/tasks", "/api/preflight", "/api/estimate"],
    ]);
  });

  test("of many changes, the last is asked of once", async () => {
    await form.loadInfo();
    form.chooseOptions({ alpha: 0.1 });
    form.chooseOptions({ alpha: 0.2 });
    await rest();
    expect(asked("/api/tasks").map(({ body }) => body)).toEqual([
      { model: "", task: { kind: "builtin", name: "ioi" }, options: { ...options, alpha: 0.2 } },
    ]);
  });

  test("an answer to what has changed since is thrown away", async () => {
    await form.loadInfo();
    const slow = later<Response>();
    answers["/api/tasks"] = () => slow.promise;
    await rest();
    answers["/api/tasks"] = () => json(taskCheck);
    form.chooseOptions({ seed: 8 });
    await rest();
    slow.give(json({ ...taskCheck, faults: [{ code: "task", message: "old" }] }));
    await rest();
    expect([form.check.value?.faults, form.canStart()]).toEqual([[], true]);
  });

  test("a task with faults is neither searched nor estimated, and the original not asked", async () => {
    await form.loadInfo();
    await rest();
    answers["/api/tasks"] = () => json({ ...taskCheck, faults: [{ code: "task", message: "no", line: 2 }] });
    form.chooseTask({ kind: "text", name: "mine", format: "jsonl", text: "{" });
    await rest();
    expect([form.estimate.value, form.canStart(), asked("/api/preflight").length]).toEqual([
      ...[undefined, false, 1],
    ]);
  });

  test("no text is no task: nothing is asked", async () => {
    await form.loadInfo();
    await rest();
    form.chooseTask({ kind: "text", name: "mine", format: "jsonl", text: " \n" });
    await rest();
    expect([form.check.value, form.checking.value, form.canStart()]).toEqual([undefined, false, false]);
    expect(asked("/api/tasks")).toHaveLength(1);
  });

  test("what can't be asked is told in place of what was known before", async () => {
    await form.loadInfo();
    await rest();
    answers["/api/tasks"] = () => json({ error: { code: "task", message: "unreadable" } }, 400);
    form.chooseOptions({ seed: 8 });
    await rest();
    expect([form.check.value, form.estimate.value, form.checkFault.value?.message, form.canStart()]).toEqual([
      ...[undefined, undefined, "unreadable", false],
    ]);
  });

  test("a server that is not there yet is asked again", async () => {
    answers["/api/info"] = () => json({ error: { code: "gone", message: "away" } }, 503);
    await form.loadInfo();
    expect(form.infoFault.value?.message).toBe("away");
    answers["/api/info"] = () => json(info);
    await vi.advanceTimersByTimeAsync(2000);
    expect([form.infoFault.value, form.info.value]).toEqual([undefined, info]);
  });
});

describe("models", () => {
  test("another is chosen when it is opened, and its name's change lets go of it", async () => {
    await form.loadInfo();
    form.chooseOwnModel();
    expect([form.model.value, form.estimate.value]).toEqual([undefined, undefined]);
    answers["/api/models"] = () => json(summary("gpt2"));
    await form.openModel("gpt2");
    expect([form.model.value, form.openingModel.value]).toEqual([summary("gpt2"), false]);
    form.nameModel("gpt2-xl");
    expect([form.modelName.value, form.model.value]).toEqual(["gpt2-xl", undefined]);
    form.chooseEmbeddedModel();
    expect([form.ownModel.value, form.model.value]).toEqual([false, summary("")]);
  });

  test("one that can't be opened says why", async () => {
    answers["/api/models"] = () => json({ error: { code: "model", message: "no such model" } }, 404);
    await form.openModel("gpt3");
    expect([form.model.value, form.modelFault.value?.message, form.openingModel.value]).toEqual([
      ...[undefined, "no such model", false],
    ]);
  });

  test("a later choice breaks off what is being opened", async () => {
    await form.loadInfo();
    answers["/api/models"] = () => new Promise(() => {});
    const opening = form.openModel("slow");
    expect(form.openingModel.value).toBe(true);
    form.chooseEmbeddedModel();
    await opening;
    expect([form.model.value, form.openingModel.value, form.modelFault.value]).toEqual([
      ...[summary(""), false, undefined],
    ]);
  });
});

describe("what holds a start back", () => {
  test("a weak task, until that is allowed; another task is another question", async () => {
    answers["/api/preflight"] = () => json(findings("warning", "refusal"));
    await form.loadInfo();
    await rest();
    expect([form.heldBack(), form.canStart()]).toEqual(["weak", false]);
    form.chooseOptions({ allowWeak: true });
    await rest();
    expect([form.heldBack(), form.canStart()]).toEqual([undefined, true]);
    form.chooseTask({ kind: "builtin", name: "acronyms" });
    await rest();
    expect([form.options.value?.allowWeak, form.heldBack()]).toEqual([false, "weak"]);
  });

  test("a warning only where one wants to be strict", async () => {
    answers["/api/preflight"] = () => json(findings("warning"));
    await form.loadInfo();
    await rest();
    expect(form.heldBack()).toBeUndefined();
    form.strict.value = true;
    expect([form.heldBack(), form.canStart()]).toEqual(["strict", false]);
  });

  test("a field that holds what is no value", async () => {
    await form.loadInfo();
    await rest();
    form.markField("alpha", true);
    expect(form.canStart()).toBe(false);
    form.markField("alpha", false);
    expect(form.canStart()).toBe(true);
  });
});

describe("thresholds of a sweep", () => {
  test("even in their logarithm, to three digits, each once", () => {
    expect(form.sweepAlphas({ from: 0.001, to: 1, count: 4 })).toEqual([0.001, 0.01, 0.1, 1]);
    expect(form.sweepAlphas({ from: 1, to: 2, count: 3 })).toEqual([1, 1.41, 2]);
    expect(form.sweepAlphas({ from: 0.5, to: 0.5, count: 3 })).toEqual([0.5]);
    expect(form.sweepAlphas({ from: 0.25, to: 1, count: 1 })).toEqual([0.25]);
  });

  test.each([
    [{ from: 0, to: 1, count: 3 }],
    [{ from: 1, to: 0.5, count: 3 }],
    [{ from: 0.1, to: 1, count: 0 }],
    [{ from: Number.NaN, to: 1, count: 3 }],
  ])("none where there is no range: %j", (range) => {
    expect(form.sweepAlphas(range)).toEqual([]);
  });
});

describe("a start", () => {
  test("asks for what was chosen", async () => {
    answers["/api/runs"] = () => json({ id: "one" });
    await form.loadInfo();
    await rest();
    expect(await form.startRun()).toEqual({ id: "one" });
    const base = { model: "", task: { kind: "builtin", name: "ioi" }, options };
    expect(asked("/api/runs")[0]?.body).toEqual({ kind: "extract", ...base });

    const single = { components: "attention-layers", earlyExit: true, memory: 4e9 };
    form.chooseOptions(single);
    await rest();
    expect(asked("/api/estimate").at(-1)?.body).toEqual({
      ...{ model: "", task: base.task, options: { ...options, ...single } },
    });
    // No model here has groups of heads.
    form.chooseOptions({ components: "kv-groups" });

    // A sweep tries each component by itself, to the end.
    form.chooseKind("sweep");
    form.chooseSweep({ from: 0.01, to: 1, count: 3, zero: true, noMlps: true });
    await rest();
    const sweep = { alphas: [0.01, 0.1, 1], ablations: ["mean", "zero"], mlps: [true, false], seeds: [7] };
    expect(asked("/api/estimate").at(-1)?.body).toEqual({ ...base, sweep });
    await form.startRun();
    expect(asked("/api/runs")[1]?.body).toEqual({ kind: "sweep", ...base, ...sweep });
  });

  test("before anything is chosen is a mistake of the page", async () => {
    await expect(form.startRun()).rejects.toThrow("nothing is chosen yet");
  });
});

test("an own task's text outlives a look at a built-in one", () => {
  const mine = { kind: "text", name: "mine", format: "csv", text: "prompt,answer" } as const;
  form.chooseTask(mine);
  form.chooseTask({ kind: "builtin", name: "ioi" });
  expect(form.ownText.value).toEqual(mine);
});
