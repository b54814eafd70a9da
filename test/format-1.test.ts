/** circuit.json of format 1, as Pith wrote it: it is read as what it said, and written again as format 2 says it. */
import { readdirSync, readFileSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checksumOf } from "../src/export/checksum.ts";
import {
  circuitJson,
  formatCircuitFile,
  parseCircuitFile,
  sealCircuitFile,
} from "../src/export/circuit-json.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { describeSearch, ruleOf } from "../src/export/search-text.ts";
import { loadCircuit } from "../src/index.ts";
import { addFormats } from "../src/jobs/convert/add-formats.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { temporaryFolder } from "./support/export-circuit.ts";

const place = "test/format-1";
const files = readdirSync(place).filter((name) => name.endsWith(".json"));
const jsonOf = (name: string) => JSON.parse(readFileSync(join(place, name), "utf8"));
const read = (name: string) => parseCircuitFile(jsonOf(`${name}.json`), name);

test.each(files)("%s says in memory what it said, and format 2 says the same", (name) => {
  const file = jsonOf(name);
  const circuit = parseCircuitFile(file, name);
  const { profile, metrics, dtype, formats, compiled, checksum } = circuit;
  expect({ profile, metrics, dtype, formats, compiled, checksum, files: circuit.files }).toEqual({
    ...{ profile: file.profile, metrics: file.metrics, dtype: file.dtype, formats: file.formats },
    ...{ compiled: file.compiled, checksum: file.checksum, files: file.files },
  });
  expect(circuit.model).toEqual(file.model);
  const { options } = file;
  expect(circuit.task).toEqual({ ...file.task, seed: options.seed, bos: options.bos });
  const { ablation, valueBias, means } = options;
  expect(circuit.replacement).toEqual({ ablation, means, ...(valueBias && { valueBias }) });
  expect(circuit.onTrial).toEqual(options.mlps ? ["head", "mlp"] : ["head"]);
  expect(listsOf(circuit.kept)).toEqual({ heads: file.heads, mlps: file.mlps });
  expect(circuit.search.trace).toEqual(file.trace);

  const sealed = sealCircuitFile(circuit, circuit.files ?? []);
  const again = JSON.parse(formatCircuitFile(sealed));
  expect(again.format).toBe("pith.circuit/2");
  const { checksum: _, ...facts } = circuit;
  const { checksum: own, ...read } = parseCircuitFile(again, name);
  expect(read).toEqual(facts);
  expect(own).toBe(checksumOf(again));
});

test("a search of a threshold, and what bounded it", () => {
  expect(read("ioi").search).toMatchObject({
    name: "greedy",
    options: { alpha: 0.02, passes: 1, order: "published" },
  });
  expect(read("greater-than").search).toMatchObject({
    options: { alpha: 0.05, passes: 1, order: "downstream" },
  });
  const { search } = read("ioi-pooled");
  expect(search).toMatchObject({ name: "greedy", options: { alpha: 0.03, maxKl: 0.3, passes: 3 } });
  expect(describeSearch(search)).toEqual({
    rule: "α = 0.03",
    decision:
      "A component is pruned when replacing it adds less than α = 0.03 nats and leaves KL at 0.3 nats or less",
    bounds: ["KL ≤ 0.3 nats", "3 passes at most"],
    manner: ["published order"],
  });
});

test("a search for a target has no threshold, but for where it began", () => {
  const circuit = read("acronyms-target");
  expect(circuit.search).toMatchObject({ name: "target", options: { maxKl: 0.4, order: "published" } });
  expect(circuit.search.options).not.toHaveProperty("alpha");
  expect(circuit.target).toEqual(jsonOf("acronyms-target.json").target);
  expect(ruleOf(circuit)).toBe("α = 0.003");
  // Made from the whole model: `options.alpha` said the least that was tried.
  const whole = read("whole-target");
  const { target, options } = jsonOf("whole-target.json");
  expect(target.alpha).toBeUndefined();
  expect(whole.target).toEqual({ ...target, leastAlpha: options.alpha });
});

test("a bootstrap's circuits", () => {
  const circuit = read("ioi-bootstrap");
  const { full, ...shares } = jsonOf("ioi-bootstrap.json").stability;
  const { full: own, ...rest } = circuit.stability ?? {};
  expect(rest).toEqual(shares);
  expect({ ...(own && listsOf(own.kept)), kl: own?.kl }).toEqual(full);
  expect(circuit.search.trace).toEqual([]);
});

describe("what a file says wrongly", () => {
  const { files: _, checksum: __, ...valid } = jsonOf("ioi.json");
  const [first, second] = valid.trace;
  test.each<[string, object, string]>([
    ["no heads", { heads: undefined }, "heads"],
    [
      "a head twice",
      {
        heads: [
          [0, 1],
          [0, 1],
        ],
      },
      "heads[1]",
    ],
    [
      "heads out of order",
      {
        heads: [
          [1, 0],
          [0, 1],
        ],
      },
      "heads[1]",
    ],
    ["a head of no layer", { heads: [[6, 0]] }, "heads[0]"],
    ["a head beyond the layer's", { heads: [[0, 6]] }, "heads[0]"],
    ["half a head", { heads: [[0, 0.5]] }, "heads[0][1]"],
    ["MLPs out of order", { mlps: [5, 0] }, "mlps[1]"],
    ["an MLP of no layer", { mlps: [6] }, "mlps[0]"],
    ["an unknown component", { trace: [{ ...first, component: "neurons.1" }] }, "trace[0].component"],
    ["a decision on no head", { trace: [{ ...first, component: "head.7" }] }, "trace[0]"],
    ["a decision twice", { trace: [first, first] }, "trace[1]"],
    ["a pruned head that the trace keeps", { trace: [{ ...second, pruned: false }] }, "trace[0]"],
    ["a KL that is no number", { trace: [{ ...first, kl: null }] }, "trace[0].kl"],
    ["an α of nothing", { options: { ...valid.options, alpha: 0 } }, "options.alpha"],
    ["layers that differ in number", { model: { ...valid.model, heads: [6] } }, "model.heads"],
  ])("%s is refused by field", (_, change, field) => {
    const value: unknown = JSON.parse(JSON.stringify({ ...valid, ...change }));
    expect(() => parseCircuitFile(value, "x/circuit.json")).toThrow(
      expect.objectContaining({ code: "circuit", place: { file: "x/circuit.json", field } }),
    );
  });

  test("a seal that does not fit is noticed", () => {
    const { metrics, ...sealed } = jsonOf("ioi.json");
    const better = { ...sealed, metrics: { ...metrics, verified: 0 } };
    expect(() => parseCircuitFile(better)).toThrow(/"checksum": does not fit/);
  });
});

describe("its folders", () => {
  /** The logits of "a b c", as the commit that made the folders printed them. */
  const expected: Readonly<Record<string, readonly (readonly [token: string, logit: number])[]>> = {
    "tiny-pooled": [
      ["a", 6.907451629638672],
      ["c", 6.438661098480225],
      ["e", 6.292787551879883],
      ["g", 2.801053047180176],
    ],
    "tiny-aligned": [
      ["a", 5.313040256500244],
      ["f", 3.8946473598480225],
      ["d", 3.4048330783843994],
      ["c", 3.27681827545166],
    ],
    "tiny-aligned-compiled": [
      ["a", 5.313038349151611],
      ["f", 3.8946478366851807],
      ["d", 3.4048352241516113],
      ["c", 3.2768146991729736],
    ],
  };

  test.each(Object.keys(expected))(
    "%s opens, its files are checked, and it answers as it did",
    async (name) => {
      await readCircuitFolder(join(place, name), { whole: true });
      const circuit = await loadCircuit(join(place, name), { threads: 1 });
      const predicted = await circuit.predict("a b c", 4);
      await circuit.close();
      const wanted = expected[name] ?? [];
      expect(predicted.map(({ text }) => text)).toEqual(wanted.map(([token]) => token));
      for (const [index, { logit }] of predicted.entries()) {
        expect(Math.abs(logit - (wanted[index]?.[1] ?? Number.NaN))).toBeLessThan(1e-5);
      }
    },
  );

  test("gets a further number format, and is then of format 2", async () => {
    const directory = join(await temporaryFolder(), "tiny");
    await cp(join(place, "tiny-pooled"), directory, { recursive: true });
    const task = await readTask(join(place, "letters.jsonl"));
    await addFormats(directory, { dtypes: ["int8"], task, force: true, threads: 1 });
    const { record } = await readCircuitFolder(directory, { whole: true });
    expect(record.formats?.map(({ weights }) => weights)).toEqual(["f16", "int8"]);
    expect(JSON.parse(await readFile(join(directory, "circuit.json"), "utf8"))).toMatchObject({
      format: "pith.circuit/2",
      kept: [
        { layer: 0, heads: "1" },
        { layer: 1, heads: "0", mlp: true },
        { layer: 2, heads: "0-1", mlp: true },
      ],
    });
  });
});

test("what format 2 writes of a circuit of format 1 takes fewer lines", () => {
  const circuit = read("ioi");
  expect(circuitJson(circuit)["kept"]).toEqual([
    { layer: 0, heads: "0-1, 5", mlp: true },
    { layer: 1, heads: "1, 3", mlp: true },
    { layer: 2, heads: "3" },
    { layer: 3, heads: "1", mlp: true },
    { layer: 4, heads: "1" },
    { layer: 5, heads: "4-5", mlp: true },
  ]);
});
