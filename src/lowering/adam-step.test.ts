import { expect, test } from "vitest";
import { floats, runGraph } from "../../test/support/run-graph.ts";
import { found } from "../../test/support/run-model.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { adamFactors, adamStepGraph } from "./adam-step.ts";

/** (3w − 6)², whose slope is 18(w − 2). */
function square() {
  const graph = new GraphBuilder("square");
  const w = graph.input("weight", "float32", [1]);
  const difference = graph.sub(graph.mul(w, graph.floats([], [3])), graph.floats([], [6]));
  graph.output("loss", graph.reduceSum(graph.mul(difference, difference), [0], false));
  return graph.build();
}

test("steps as Adam's authors write them", async () => {
  const graph = adamStepGraph(square(), "loss", ["weight"]);
  let [weight, first, second] = [5, 0, 0];
  let feeds = {
    weight: floats([1], [5]),
    "weight/first": floats([1], [0]),
    "weight/second": floats([1], [0]),
  };
  for (const step of [1, 2, 3]) {
    const { rate, correction } = adamFactors(step, 0.1);
    const outputs = await runGraph(graph, {
      ...feeds,
      "gradient.loss": floats([], [1]),
      ...{ rate: floats([], [rate]), correction: floats([], [correction]) },
    });
    expect(outputs["loss"]?.values[0]).toBeCloseTo((3 * weight - 6) ** 2, 3);
    const slope = 18 * (weight - 2);
    first = 0.9 * first + 0.1 * slope;
    second = 0.999 * second + 0.001 * slope ** 2;
    weight -= (0.1 * (first / (1 - 0.9 ** step))) / (Math.sqrt(second / (1 - 0.999 ** step)) + 1e-8);
    const next = (name: string) => found(outputs[`${name}/next`]).values;
    expect(next("weight")[0]).toBeCloseTo(weight, 5);
    feeds = {
      weight: floats([1], next("weight")),
      "weight/first": floats([1], next("weight/first")),
      "weight/second": floats([1], next("weight/second")),
    };
  }
  // The first step of Adam is as long as its rate, whatever the slope.
  expect(Math.abs(weight - 4.7)).toBeLessThan(0.01);
});
