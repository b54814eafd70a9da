import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Each of these files may start compute threads of its own; more at once only wait for one another.
    maxWorkers: 2,
    // For a machine of two cores that does other things as well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A matcher that is asked again has no clock of its own but the test's.
    expect: { poll: { timeout: 55_000 } },
  },
});
