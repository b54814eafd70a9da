import { describe, expect, test } from "vitest";
import {
  GPT2_SMALL_HEADS,
  KNOWN_CIRCUITS,
  knownCircuit,
  knownCircuitsOf,
  knownHeads,
  parseKnownCircuit,
} from "./known-circuits.ts";

test.each(KNOWN_CIRCUITS)(
  "$id: as many heads as its name says, all different, all of GPT-2 small",
  (circuit) => {
    const heads = knownHeads(circuit);
    expect(heads).toHaveLength(Number(circuit.id.split("/")[1]));
    expect(new Set(heads.map(String)).size).toBe(heads.length);
    expect(heads.every(([layer, head]) => head < (GPT2_SMALL_HEADS[layer] ?? 0))).toBe(true);
    expect(circuit.sources.length).toBeGreaterThan(0);
  },
);

test("a task's default is the list that the paper's rates count", () => {
  expect(["ioi", "greater-than", "acronyms"].map((task) => knownCircuit(task).id)).toEqual([
    ...["ioi/23", "greater-than/8", "acronyms/8"],
  ]);
  expect(knownCircuitsOf("ioi").map(({ id }) => id)).toEqual(["ioi/23", "ioi/26"]);
  expect(knownCircuitsOf("sums")).toEqual([]);
  expect(() => knownCircuit("ioi/24")).toThrow('there is no known circuit "ioi/24". Choose ioi/23, ioi/26,');
});

test("the 26 heads of IOI are the 23 and three that are weaker", () => {
  const fewer = new Set(knownHeads(knownCircuit("ioi/23")).map(String));
  const more = knownHeads(knownCircuit("ioi/26")).map(String);
  expect(more.filter((head) => !fewer.has(head))).toEqual(["0,10", "5,8", "5,9"]);
});

describe("parseKnownCircuit", () => {
  test("a list, or a circuit.json with more in it", () => {
    const circuit = parseKnownCircuit('\uFEFF{"heads": [[1, 0], [0, 2]], "mlps": [3]}', "a/mine.json");
    expect(circuit).toMatchObject({ id: "mine", sources: ["a/mine.json"] });
    expect(knownHeads(circuit)).toEqual([
      [0, 2],
      [1, 0],
    ]);
  });

  test.each([
    ["cut JSON", "{", "k.json: not JSON"],
    ["no heads", "{}", 'k.json, "heads": '],
    ["an empty list", '{"heads": []}', 'k.json, "heads": names no heads. Write {"heads"'],
    ["a name for a head", '{"heads": [[1, "a"]]}', 'k.json, "heads.0.1": '],
    ["a negative layer", '{"heads": [[0, 1], [-1, 2]]}', 'k.json, "heads.1.0": '],
    ["three numbers", '{"heads": [[1, 2, 3]]}', 'k.json, "heads.0": '],
    ["a head twice", '{"heads": [[1, 2], [1, 2]]}', 'k.json, "heads.1": the head 1.2 stands there twice'],
  ])("%s", (_, contents, message) => {
    expect(() => parseKnownCircuit(contents, "k.json")).toThrow(message);
  });
});
