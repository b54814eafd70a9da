import { expect, test } from "vitest";
import type { RunDetail } from "../../src/server/api.ts";
import { nameInModel } from "../../src/transformer/component.ts";
import { unitsOfRun } from "./units-of-run.ts";

const namesOf = (detail: Partial<RunDetail>, options: object) =>
  unitsOfRun({
    headsPerLayer: [3, 2],
    ...detail,
    request: {
      ...{ kind: "extract", model: "", task: { kind: "builtin", name: "ioi" } },
      options: {
        alpha: 0.1,
        ablation: "mean",
        mlps: true,
        means: "aligned",
        order: "published",
        seed: 0,
        ...options,
      },
    },
  }).map((unit) => unit.map(nameInModel).join("+"));

test("each component by itself, unless heads that share keys and values are tried together", () => {
  const headGroups = [
    [0, 0, 1],
    [0, 0],
  ];
  expect(namesOf({}, {})).toEqual([
    "1.head.0",
    "1.head.1",
    "1.mlp",
    "0.head.0",
    "0.head.1",
    "0.head.2",
    "0.mlp",
  ]);
  expect(namesOf({ headGroups }, {})).toHaveLength(7);
  expect(namesOf({ headGroups }, { components: "kv-groups", order: "downstream" })).toEqual([
    ...["1.mlp", "1.head.0+1.head.1", "0.mlp", "0.head.0+0.head.1", "0.head.2"],
  ]);
  // Heads with keys and values of their own are groups of one.
  expect(namesOf({}, { components: "kv-groups", mlps: false })).toHaveLength(5);
});
