import { expect, test } from "vitest";
import { circuitKey, circuitOf, circuitOfLists } from "../../src/transformer/circuit.ts";
import { differences, toggled } from "./kept-parts.ts";

const kept = circuitOfLists({
  heads: [
    [0, 1],
    [1, 0],
  ],
  mlps: [1],
});
const mlp0 = { kind: "mlp", layer: 0 } as const;
const mlp1 = { kind: "mlp", layer: 1 } as const;

test("a component is put in or taken out, and the circuit that was is not touched", () => {
  const more = toggled(kept, mlp0);
  expect([circuitKey(kept), circuitKey(more)]).toEqual(["0.1 1.0 1.mlp", "0.1 1.0 0.mlp 1.mlp"]);
  expect(toggled(more, mlp0)).toEqual(kept);
});

test("differences count what is only in one, on either side", () => {
  expect(differences(kept, kept)).toBe(0);
  expect(differences(toggled(toggled(kept, mlp0), mlp1), kept)).toBe(2);
  expect(differences(circuitOf([]), kept)).toBe(3);
});
