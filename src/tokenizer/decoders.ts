/**
 * Decoders of tokenizer.json: tokens back to text. They use the library's decoders, except where those differ
 * from the Rust tokenizers: for bytes that are not UTF-8, byte order marks, leading ▁ and replacement texts.
 */
import { SequenceDecoder } from "@huggingface/tokenizers";
import { tokenBytes } from "./byte-level.ts";
import { isObject, type JsonObject } from "./json.ts";
import { compilePattern } from "./pattern.ts";

/** One step: tokens to texts, in the same order. */
type DecoderStep = (tokens: readonly string[]) => readonly string[];

/** @throws Error for a decoder that is not known. */
export function createDecoder(config: unknown): (tokens: readonly string[]) => string {
  if (config === null || config === undefined) return (tokens) => tokens.join(" ");
  const step = createStep(config);
  return (tokens) => step(tokens).join("");
}

function createStep(config: unknown): DecoderStep {
  if (!isObject(config)) throw new Error("a decoder is no object");
  switch (config["type"]) {
    case "ByteLevel":
      return byteLevel;
    case "ByteFallback":
      return byteFallback;
    case "Metaspace":
      return metaspace(config);
    case "Replace": {
      const pattern = compilePattern(config["pattern"]);
      const content = String(config["content"] ?? "");
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    case "Sequence": {
      const steps = (config["decoders"] as readonly unknown[]).map(createStep);
      return (tokens) => steps.reduce<readonly string[]>((result, step) => step(result), tokens);
    }
    default: {
      const library = new SequenceDecoder({ type: "Sequence", decoders: [config as never] });
      return (tokens) => library.decode_chain([...tokens]);
    }
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A token with a character outside the byte alphabet stands for itself. */
function byteLevel(tokens: readonly string[]): readonly string[] {
  const bytes = tokens.flatMap((token) => [...(tokenBytes(token) ?? encoder.encode(token))]);
  return [decoder.decode(Uint8Array.from(bytes))];
}

/**
 * Each run of tokens such as <0xE2> becomes its text, or one replacement character for each byte if it is not
 * UTF-8.
 */
function byteFallback(tokens: readonly string[]): readonly string[] {
  const texts: string[] = [];
  let run: number[] = [];
  const endRun = () => {
    if (run.length === 0) return;
    try {
      texts.push(strictDecoder.decode(Uint8Array.from(run)));
    } catch {
      texts.push(...run.map(() => "\ufffd"));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) {
      run.push(Number.parseInt(byte, 16));
      continue;
    }
    endRun();
    texts.push(token);
  }
  endRun();
  return texts;
}

/** Removes the ▁ that the pre-tokenizer put before the text. */
function metaspace(config: JsonObject): DecoderStep {
  const replacement = String(config["replacement"] ?? "▁");
  const scheme = config["add_prefix_space"] === false ? "never" : (config["prepend_scheme"] ?? "always");
  return (tokens) =>
    tokens.map((token, i) => token.replaceAll(replacement, i === 0 && scheme !== "never" ? "" : " "));
}
