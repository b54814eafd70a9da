import { expect, test } from "vitest";
import { circuitKey, circuitOf, circuitOfLists } from "../../src/transformer/circuit.ts";
import { shapeOfHeadCounts } from "../../src/transformer/component.ts";
import { differences, toggled, withNeurons } from "./kept-parts.ts";

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
  const more = toggled(kept, mlp0, kept);
  expect([circuitKey(kept), circuitKey(more)]).toEqual(["0.1 1.0 1.mlp", "0.1 1.0 0.mlp 1.mlp"]);
  expect(toggled(more, mlp0, kept)).toEqual(kept);
});

test("differences count what is only in one, on either side", () => {
  expect(differences(kept, kept)).toBe(0);
  expect(differences(toggled(toggled(kept, mlp0, kept), mlp1, kept), kept)).toBe(2);
  expect(differences(circuitOf([]), kept)).toBe(3);
});

test("an MLP that was found in part is put back in part, and neurons are changed by hand", () => {
  const shape = shapeOfHeadCounts([2, 2], [6, 6]);
  const own = circuitOfLists({ heads: [[0, 1]], mlps: [], neurons: [[1, [0, 1, 4]]] });
  const less = toggled(own, mlp1, own);
  expect(circuitKey(less)).toBe("0.1");
  expect(toggled(less, mlp1, own)).toEqual(own);
  expect(circuitKey(toggled(own, mlp0, own))).toBe("0.1 0.mlp 1.neurons.0-1,4");
  const other = withNeurons(own, 1, [2], shape);
  expect(circuitKey(other)).toBe("0.1 1.neurons.2");
  expect(differences(other, own)).toBe(1);
  expect(circuitKey(withNeurons(own, 1, [0, 1, 2, 3, 4, 5], shape))).toBe("0.1 1.mlp");
  expect(circuitKey(withNeurons(own, 1, [], shape))).toBe("0.1");
});
