import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "web/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Each of these files may start compute threads of its own; more at once only wait for one another.
    maxWorkers: 2,
    // The only clock in a test: it ends what hangs, on a machine of two cores that does other things as well.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A matcher that is asked again has none of its own; it says what it saw before the test is ended.
    expect: { poll: { timeout: 175_000 } },
  },
});
