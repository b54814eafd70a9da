import { expect, test } from "vitest";
import type { CircuitFile } from "./circuit-file.ts";
import { taskLabel } from "./task-label.ts";

const circuit = (builtin?: boolean): Pick<CircuitFile, "task"> => ({
  task: {
    ...{ name: "ioi", sha256: "0".repeat(64), examples: { patching: 1, validation: 1, test: 0 } },
    ...{ seed: 3, bos: false },
    ...(builtin !== undefined && { builtin }),
  },
});

test("a built-in task is told from a file of its name, and from its other seeds", () => {
  expect(taskLabel(circuit())).toBe("ioi");
  expect(taskLabel(circuit(true))).toBe("ioi (built in, seed 3)");
});
