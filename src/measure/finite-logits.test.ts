import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { requireFinite } from "./finite-logits.ts";

describe("scores of an answer", () => {
  test("that are numbers pass, the largest and smallest too", () => {
    requireFinite(Float32Array.of(0, -1.5, 3.4e38, -3.4e38), "circuit");
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "with %s are refused",
    (bad) => {
      expect(() => requireFinite(Float32Array.of(1, bad, 2, bad), "circuit")).toThrow(
        expect.objectContaining({
          code: "runtime",
          message: expect.stringContaining("the circuit gives no answer: 2 of its 4 scores"),
        }),
      );
      expect(() => requireFinite(Float32Array.of(bad), "model")).toThrow(PithError);
    },
  );
});
