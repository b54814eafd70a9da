import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Each of these files may start compute threads of its own; more at once only wait for one another.
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
