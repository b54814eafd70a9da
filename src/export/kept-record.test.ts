import fc from "fast-check";
import { expect, test } from "vitest";
import { componentDraws, neuronsDrawn } from "../../test/support/random-circuits.ts";
import { PithError } from "../errors.ts";
import { circuitOf, circuitOfLists } from "../transformer/circuit.ts";
import { shapeOfHeadCounts } from "../transformer/component.ts";
import { circuitOfKept, type KeptRecord, keptRecord } from "./kept-record.ts";

const fail = (field: string, message: string) => new PithError("circuit", message, { place: { field } });
/** Five layers of 13 heads, and as many neurons as circuits are drawn from. */
const model = { heads: Array(5).fill(13), neurons: Array(5).fill(neuronsDrawn) };

test("each layer has a record that a person can read", () => {
  const circuit = circuitOfLists({
    heads: [
      [0, 0],
      [0, 1],
      [0, 5],
    ],
    mlps: [0, 3],
    neurons: [
      [1, [0, 1, 2, 3, 15, 17, 18]],
      [3, [40]],
    ],
  });
  expect(keptRecord(circuit)).toEqual([
    { layer: 0, heads: "0-1, 5", mlp: true },
    { layer: 1, neurons: "0-3, 15, 17-18" },
    { layer: 3, neurons: "40" },
  ]);
});

test("a record is read back as the circuit that it was made of", () => {
  fc.assert(
    fc.property(componentDraws, (components) => {
      const circuit = circuitOf(components, shapeOfHeadCounts(model.heads, model.neurons));
      expect(circuitOfKept(keptRecord(circuit), model, "kept", fail)).toEqual(circuit);
    }),
  );
});

test("a list of all neurons is the whole MLP", () => {
  const listed = circuitOfKept([{ layer: 2, neurons: "0-4" }], model, "kept", fail);
  expect(listed).toEqual(circuitOfLists({ heads: [], mlps: [2] }));
});

const few = { heads: [2, 2], neurons: [10, 10] };
test.each<readonly [string, KeptRecord, Partial<typeof few>, string, RegExp]>([
  [
    "a neuron that is not there",
    [{ layer: 1, neurons: "3-10" }],
    {},
    "kept[0].neurons",
    /lists 10, but .* only 10/,
  ],
  [
    "a run that is longer than memory",
    [{ layer: 1, neurons: "0-9999999999" }],
    {},
    "kept[0].neurons",
    /only 10/,
  ],
  [
    "neurons out of order",
    [{ layer: 0, neurons: "3, 1" }],
    {},
    "kept[0].neurons",
    /each number once, ascending/,
  ],
  ["a neuron twice", [{ layer: 0, neurons: "1-3, 3" }], {}, "kept[0].neurons", /each number once, ascending/],
  ["no list", [{ layer: 0, neurons: "" }], {}, "kept[0].neurons", /must list numbers and runs/],
  [
    "neurons of a whole MLP",
    [{ layer: 0, mlp: true, neurons: "1" }],
    {},
    "kept[0].neurons",
    /must be left out/,
  ],
  [
    "neurons of nobody knows how many",
    [{ layer: 0, neurons: "1" }],
    { neurons: [] },
    "kept[0].neurons",
    /model\.neurons/,
  ],
])("%s is refused by field", (_, kept, change, field, message) => {
  const read = () => circuitOfKept(kept, { ...few, ...change }, "kept", fail);
  expect(read).toThrow(message);
  expect(read).toThrow(expect.objectContaining({ place: { field } }));
});
