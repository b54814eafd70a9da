import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { circuitKey } from "../transformer/circuit.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { formatSweepCsv, formatSweepRows, parseSweepRows, type SweepRow } from "./sweep-row.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });
const pair = fc.record({ original: share, circuit: share });
const mass = fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value + 0);
const kl = fc.double({ min: -1e-6, max: 50, noNaN: true }).map((value) => value + 0);
const parameters = fc.record({
  ...{ body: fc.nat(), embedding: fc.nat(), bias: fc.nat(), total: fc.nat() },
});
const rowArbitrary: fc.Arbitrary<SweepRow> = fc.record(
  {
    task: fc.string({ minLength: 1 }),
    seed: fc.nat(),
    ablation: fc.constantFrom("mean", "zero"),
    mlps: fc.boolean(),
    alpha: fc.double({ min: 1e-9, max: 10, noNaN: true }),
    heads: fc.array(fc.tuple(fc.nat(11), fc.nat(11))),
    mlpsKept: fc.array(fc.nat(11)),
    neuronsKept: fc.array(fc.tuple(fc.nat(11), fc.constantFrom("0", "3-12, 15"))),
    accuracy: fc.record({ validation: pair, test: pair }, { requiredKeys: ["validation"] }),
    kl: fc.record({ validation: kl, test: kl }, { requiredKeys: ["validation"] }),
    yearMass: fc.record({ original: mass, circuit: mass }),
    parameters: fc.record({ original: parameters, circuit: parameters }),
    known: fc.record({ id: fc.string(), tpr: share, fpr: share }),
  },
  {
    requiredKeys: [
      "task",
      "seed",
      "ablation",
      "mlps",
      "alpha",
      "heads",
      "mlpsKept",
      "accuracy",
      "kl",
      "parameters",
    ],
  },
);
const plain = (row: SweepRow): SweepRow => JSON.parse(JSON.stringify(row));

test("what is written is read again, to the bit", () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { minLength: 1, maxLength: 5 }), (rows) => {
      const text = formatSweepRows(rows);
      expect(text.split("\n")).toHaveLength(rows.length + 1);
      expect(parseSweepRows(text, "sweep.jsonl")).toEqual(rows.map(plain));
      expect(formatSweepRows(parseSweepRows(text, "sweep.jsonl"))).toBe(text);
    }),
  );
});

test("other tools read the CSV, whatever a task is called", () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { minLength: 1, maxLength: 5 }), (rows) => {
      const records: Record<string, string>[] = parse(formatSweepCsv(rows), {
        columns: true,
        record_delimiter: "\n",
      });
      expect(records).toHaveLength(rows.length);
      for (const [index, row] of rows.entries()) {
        expect(records[index]).toMatchObject({
          task: row.task,
          alpha: String(row.alpha),
          mlps: row.mlps ? "on" : "off",
          heads_kept: String(row.heads.length),
          accuracy_test: String(row.accuracy.test?.circuit ?? ""),
          year_mass_original: String(row.yearMass?.original ?? ""),
          year_mass: String(row.yearMass?.circuit ?? ""),
          known: row.known?.id ?? "",
          tpr: String(row.known?.tpr ?? ""),
        });
      }
    }),
  );
});

test.each([
  ["", "has no rows"],
  ["{", "sweep.jsonl:1: is not a sweep"],
  [`\n{"task":"ioi"}`, 'sweep.jsonl:2, "seed"'],
])("%j is refused by line and field", (text, message) => {
  expect(() => parseSweepRows(text, "sweep.jsonl")).toThrow(PithError);
  expect(() => parseSweepRows(text, "sweep.jsonl")).toThrow(message);
});

test("a row whose MLPs were kept in part lists that circuit", () => {
  const row = { heads: [[0, 1]], mlpsKept: [0, 2], neuronsKept: [[2, "0-2, 17"]] } as const;
  expect(circuitKey(circuitOfRow(row))).toBe("0.1 0.mlp 2.neurons.0-2,17");
  expect(() => circuitOfRow({ ...row, neuronsKept: [[2, "3-1"]] })).toThrow("neurons of layer 2");
  const [line = ""] = formatSweepRows(fc.sample(rowArbitrary, 1)).split("\n");
  const wrong = { ...JSON.parse(line), neuronsKept: [[2, "3-1"]] };
  expect(() => parseSweepRows(JSON.stringify(wrong), "sweep.jsonl")).toThrow(/neurons in runs/);
});
