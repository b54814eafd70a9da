/**
 * Turns the `{"String": …}` or `{"Regex": …}` of a tokenizer.json into a JavaScript regular expression. The
 * patterns have Oniguruma's syntax; the library translates them.
 */
import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { isObject } from "./json.ts";

/** @throws Error when the pattern can't be translated. */
export function compilePattern(pattern: unknown): RegExp {
  const text = isObject(pattern) ? pattern["String"] : undefined;
  if (typeof text === "string") return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
  const source = isObject(pattern) ? pattern["Regex"] : undefined;
  if (typeof source !== "string") throw new Error("a pattern is neither a String nor a Regex");
  const config = { type: "Split", pattern: { Regex: withFolds(source) }, behavior: "Isolated" } as const;
  const compiled = new SplitPreTokenizer(config).pattern;
  if (compiled === null) throw new Error("the pattern can't be translated");
  return compiled;
}

/**
 * When case is ignored, Oniguruma treats ſ as s and the Kelvin sign as k; the library only folds ASCII letters.
 */
function withFolds(source: string): string {
  return source.replace(/\(\?i:((?:\\.|\[[^\]]*\]|[^()\\])*)\)/gs, (_, inner: string) => {
    const folded = inner.replace(/\\.|\[[^\]]*\]|[sSkK]/gs, (part) =>
      part.length > 1 ? part : /s/i.test(part) ? "[sSſ]" : "[kK\u212a]",
    );
    return `(?i:${folded})`;
  });
}
