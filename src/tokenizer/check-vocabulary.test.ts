import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { checkVocabulary } from "./check-vocabulary.ts";

describe("checkVocabulary", () => {
  test.each([
    ["GPT-2", 50257, 50257],
    ["nano", 2194, 2194],
    ["Pythia 70M", 50277, 50304],
    ["Pythia 12B", 50277, 50688],
    ["Qwen2", 151665, 151936],
    ["CodeGen, phi", 50295, 51200],
    ["OPT", 50265, 50272],
    ["a tiny random model", 144, 151],
  ])("accepts %s: %i ids, %i rows", (_, vocabularySize, rows) => {
    expect(() => checkVocabulary({ vocabularySize }, rows)).not.toThrow();
  });

  test.each([
    ["one id too many", 50258, 50257, "50258 ids, but the model's embedding only 50257 rows"],
    ["a row that no padding gives", 50257, 50258, "more than padding explains"],
    ["another model's tokenizer", 32000, 50304, "more than padding explains"],
    ["a tokenizer of a few tokens", 100, 1024, "more than padding explains"],
  ])("refuses %s: %i ids, %i rows", (_, vocabularySize, rows, message) => {
    const check = () => checkVocabulary({ vocabularySize }, rows);
    expect(check).toThrow(PithError);
    expect(check).toThrow(message);
  });
});
