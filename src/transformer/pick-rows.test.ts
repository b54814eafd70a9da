import fc from "fast-check";
import { expect, test } from "vitest";
import { pickRows } from "./pick-rows.ts";
import type { Weight } from "./weight.ts";

/** Row r holds r·10, r·10 + 1, …; every read is noted. */
function table(rows: number, width: number): { readonly weight: Weight; readonly reads: [number, number][] } {
  const reads: [number, number][] = [];
  const readRows = async (start: number, end: number) => {
    reads.push([start, end]);
    return Float32Array.from({ length: (end - start) * width }, (_, at) => {
      return 10 * (start + Math.floor(at / width)) + (at % width);
    });
  };
  const weight: Weight = { name: "table", shape: [rows, width], read: () => readRows(0, rows), readRows };
  return { weight, reads };
}

test("rows that are near each other are one read, those that are far apart are not", async () => {
  const { weight, reads } = table(100_000, 1024);
  const picked = await pickRows(weight, [70_000, 3, 5, 3]);
  expect([...picked].map(([row, values]) => [row, values[0], values[1023]])).toEqual([
    [3, 30, 30 + 1023],
    [5, 50, 50 + 1023],
    [70_000, 700_000, 700_000 + 1023],
  ]);
  expect(reads).toEqual([
    [3, 6],
    [70_000, 70_001],
  ]);
});

test("a run of rows ends where one read would be large", async () => {
  const { weight, reads } = table(5000, 1024);
  await pickRows(
    weight,
    Array.from({ length: 5000 }, (_, row) => row),
  );
  expect(reads).toEqual([
    [0, 2048],
    [2048, 4096],
    [4096, 5000],
  ]);
});

test("whatever is asked for, each row is the table's, read in parts or whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(999), { maxLength: 40 }), fc.boolean(), async (rows, whole) => {
      const { weight } = table(1000, 3);
      const { readRows: _, ...unread } = weight;
      const picked = await pickRows(whole ? unread : weight, rows);
      expect(new Set(picked.keys())).toEqual(new Set(rows));
      for (const [row, values] of picked) {
        expect([...values]).toEqual([10 * row, 10 * row + 1, 10 * row + 2]);
      }
    }),
  );
});

test("a row that the table does not have is refused", async () => {
  await expect(pickRows(table(4, 2).weight, [1, 4])).rejects.toThrow("table has no row 4");
});
