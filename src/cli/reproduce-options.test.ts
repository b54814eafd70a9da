import { expect, test } from "vitest";
import results from "../experiments/published-results.json" with { type: "json" };
import { checkTasks, full, parseBudget, perTask } from "./reproduce-options.ts";

test("values by task, collected; the rest is refused by option", () => {
  const collect = perTask("--alpha", "ioi=0.02");
  const both = collect("acronyms=0.1", collect("ioi=a=b"));
  expect([...both]).toEqual([
    ["ioi", "a=b"],
    ["acronyms", "0.1"],
  ]);
  for (const wrong of ["ioi", "=3", "ioi="]) {
    expect(() => collect(wrong)).toThrow(
      `"--alpha": expected TASK=VALUE, found "${wrong}". For example --alpha ioi=0.02.`,
    );
  }
  expect(() => collect("ioi=1", both)).toThrow('"--alpha": expected each task once');
  checkTasks("--alpha", both, ["ioi", "acronyms"]);
  expect(() => checkTasks("--alpha", both, ["ioi"])).toThrow(
    '"--alpha": there is no task "acronyms" in this run. It runs ioi.',
  );
});

test("each task's thresholds are those of its published files", () => {
  for (const { task, alphas } of results.sweeps) {
    const own = full.alphasOf.get(task) ?? full.alphas;
    expect(own).toHaveLength(alphas.length);
    // They are stored in single precision.
    for (const [index, alpha] of own.entries()) expect(alpha / (alphas[index] ?? 0)).toBeCloseTo(1, 5);
  }
});

test("milliseconds", () => {
  expect(parseBudget("250")).toBe(250);
  for (const wrong of ["0", "1.5", "600001", "fast"])
    expect(() => parseBudget(wrong)).toThrow("--timing-budget");
});
