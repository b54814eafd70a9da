import { expect, test } from "vitest";
import { GPT2_SMALL_HEADS, knownCircuit, parseKnownCircuit } from "./known-circuits.ts";
import { checkKnownFits } from "./known-fits.ts";

const mine = parseKnownCircuit('{"heads": [[0, 9]]}', "lists/k1.json");

test("a list of the model's own heads fits", () => {
  checkKnownFits(knownCircuit("ioi/26"), GPT2_SMALL_HEADS);
  checkKnownFits(mine, [10, 10]);
});

test.each([
  [mine, [6, 6], /^"--known": the known circuit k1 has the head 0\.9, .* 2 layers of 6 heads .*Give a file/],
  [
    knownCircuit("ioi/26"),
    [6, 6],
    /^"--known": the known circuit ioi\/26 is of GPT-2 small.*2 layers of 6\./,
  ],
])("a list of another model is refused by option and name: %#", (circuit, headCounts, message) => {
  expect(() => checkKnownFits(circuit, headCounts)).toThrow(message);
  expect(() => checkKnownFits(circuit, headCounts)).toThrow(expect.objectContaining({ code: "options" }));
});
