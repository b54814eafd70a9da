/**
 * What every search must do, whatever its method: each folder of src/discovery/searches is one, and joins by being
 * there. Its options have defaults and bounds; the circuit, the trace and the KL that it gives fit each other; a
 * second run gives the same; and a run that was interrupted anywhere ends as one that was not.
 */
import { readdirSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { type OpenGates, openGates } from "../src/discovery/gates/open-gates.ts";
import { mean } from "../src/discovery/mean.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import type { Replacements } from "../src/discovery/replacements.ts";
import { headsAndNeurons } from "../src/discovery/search-units.ts";
import { searchNamed } from "../src/discovery/searches/index.ts";
import type { SearchEvent, SearchOutcome } from "../src/discovery/searches/search.ts";
import type { SearchOptionValues } from "../src/discovery/searches/use-search.ts";
import { PithError } from "../src/errors.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { keeps } from "../src/transformer/circuit.ts";
import {
  componentOf,
  componentsOfModel,
  nameInModel,
  nameOfRecord,
  shapeOf,
} from "../src/transformer/component.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const model = randomTransformer();
const [patching, validation] = [1, 2].map((seed) =>
  randomPrompts(Array<number>(8).fill(6), model.vocabularySize, seed),
) as [readonly (readonly number[])[], readonly (readonly number[])[]];

const names = readdirSync(new URL("../src/discovery/searches/", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

interface Run {
  readonly outcome: SearchOutcome;
  readonly journal: readonly unknown[];
  readonly events: readonly SearchEvent[];
  /** KL of the outcome's circuit, by a pass of its own. */
  readonly measured: number;
}

/** Options of searches that take long by their defaults. */
const quick: Readonly<Record<string, SearchOptionValues>> = { learned: { steps: 60, batch: 4 } };

/** @param resume entries of an earlier run's journal. */
async function run(name: string, resume: readonly unknown[] = []): Promise<Run> {
  const search = searchNamed(name).use(quick[name] ?? {});
  const { evaluator, replacements } = await prepareSearch(
    runtime,
    model,
    { patching, validation },
    { ablation: "mean", means: "aligned", neurons: true },
  );
  const journal = [...resume];
  const events: SearchEvent[] = [];
  try {
    const outcome = await search.run(
      {
        ...{ model, evaluator, replacements, mlps: true, isRight: undefined, seed: 0, signal: undefined },
        openGates: async () => gatesOf(replacements),
        units: search.gates === true ? headsAndNeurons : undefined,
        target: search.target === "needed" ? { kind: "kl", value: 0.05 } : undefined,
        onEvent: (event) => events.push(event),
      },
      async (schema, firstFault) => {
        // As a file gives them back.
        const resumed = JSON.parse(JSON.stringify(resume)).map((entry: unknown) => schema.parse(entry));
        expect(firstFault(resumed)).toBeUndefined();
        return { resumed, append: async (entry) => void journal.push(entry) };
      },
    );
    await evaluator.restart(outcome.circuit);
    return { outcome, journal, events, measured: mean(await evaluator.measure(outcome.circuit)) };
  } finally {
    await evaluator.close();
  }
}

function gatesOf(replacements: Replacements): OpenGates {
  const withIds = (ids: readonly number[]) => ({ ids, accepted: [[]] });
  const prompts = { patching: patching.map(withIds), validation: validation.map(withIds) };
  return openGates(runtime, model, prompts, gateMeansOf(model, replacements));
}

test("there are searches", () => {
  expect(names).toContain("greedy");
});

describe.each(names)("%s", async (name) => {
  const first = await run(name);

  test("is registered under its folder's name, and every option has a default", () => {
    const use = searchNamed(name).use({});
    expect(use.name).toBe(name);
    // Of what circuit.json says, the same search can be made again.
    expect(searchNamed(name).use(JSON.parse(JSON.stringify(use.options))).options).toEqual(use.options);
    expect(use.description.rule).not.toBe("");
    expect(use.description.decision).not.toBe("");
  });

  test("an option that there is not, or of no value of its own, is refused by name", () => {
    expect(() => searchNamed(name).use({ "no-such-option": 1 })).toThrow(PithError);
    for (const option of Object.keys(searchNamed(name).use({}).options)) {
      const refused = () => searchNamed(name).use({ [option]: { of: "no kind" } });
      expect(refused).toThrow(expect.objectContaining({ code: "options", place: { field: option } }));
    }
  });

  test("the circuit's KL is what a pass of its own measures", () => {
    expect(Math.abs(first.outcome.kl - first.measured)).toBeLessThan(1e-4);
  });

  test("the last decision on every component says whether it is kept", () => {
    const { circuit, trace } = first.outcome;
    const last = new Map(trace.map((decision) => [nameOfRecord(decision), decision]));
    for (const decision of last.values()) {
      expect(keeps(circuit, componentOf(decision)), nameOfRecord(decision)).toBe(!decision.pruned);
    }
    // A search by gates decides on all of them at once.
    if (searchNamed(name).gates === true) {
      expect(trace).toEqual([]);
      return;
    }
    // What was never tried stays.
    for (const component of componentsOfModel(shapeOf(model))) {
      if (!last.has(nameInModel(component))) expect(keeps(circuit, component)).toBe(true);
    }
  });

  test("a second run gives the same, event for event", async () => {
    const second = await run(name);
    expect(second.outcome).toEqual(first.outcome);
    expect(second.events).toEqual(first.events);
  });

  test("interrupted anywhere, it ends in the same circuit by the same journal", async () => {
    const { length } = first.journal;
    for (const at of new Set(
      [0, 1, Math.floor(length / 2), length - 1, length].filter((n) => n >= 0 && n <= length),
    )) {
      const resumed = await run(name, first.journal.slice(0, at));
      expect(resumed.outcome).toEqual(first.outcome);
      expect(resumed.journal).toEqual(first.journal);
    }
  });
});
