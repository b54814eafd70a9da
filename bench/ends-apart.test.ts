import { expect, test } from "vitest";
import type { Replacements } from "../src/discovery/replacements.ts";
import { endsApart } from "./ends-apart.ts";

test("the rows between the first and the last become their mean", () => {
  const rows = { kind: "each", length: 4 } as const;
  const constant = { rows, width: 2, values: Float64Array.of(1, 10, 2, 20, 4, 60, 9, 90) };
  const aligned: Replacements = {
    ...{ rows, head: () => constant, mlp: () => constant },
    ...{ neurons: () => constant, headValues: () => undefined },
  };
  const ends = endsApart(aligned);
  expect(ends.rows).toEqual(rows);
  expect([...ends.mlp(0).values]).toEqual([1, 10, 3, 40, 3, 40, 9, 90]);
  expect([...ends.neurons(0).values]).toEqual([1, 10, 3, 40, 3, 40, 9, 90]);
  expect(ends.headValues(0)).toBeUndefined();
  expect([...ends.head(0, 0).values]).toEqual([1, 10, 3, 40, 3, 40, 9, 90]);
});
