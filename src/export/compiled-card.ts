/** The part of a compiled circuit's README.md that other circuits do not have. */
import type { CompiledRecord } from "./compiled-record.ts";

/** What a compiled circuit is, and which prompts it refuses. */
export function describeCompiled({ answers, rows, tokens, verified }: CompiledRecord): string {
  const scientific = (value: number) => value.toExponential(1);
  return [
    `It is **compiled for the words of its task**: what depends on a token and its position alone is a table of ${rows.pairs} (token, position) pairs, and only ${answers.length} answers are scored. Prompts are of exactly ${tokens.length} tokens. **Any other token is refused**: in ONNX Runtime, natively and in WebAssembly, the run fails with "indices element out of data bounds" at a Gather node; on an engine that does not check indices the prompt's scores are NaN. Take NaN for a refusal, never for an answer.`,
    `Its answers' logits, each prompt's less their mean, agree with the circuit that was compiled within ${scientific(verified.circuit)} on every prompt of the task${verified.patched === undefined ? "" : `, and with the patched model within ${scientific(verified.patched)} on the validation and test sets`}.`,
  ].join("\n\n");
}

export function howToRunCompiled({ answers, tokens }: CompiledRecord, bos: boolean): string {
  const shown = answers.slice(0, 3).map(({ id, token }) => `${id} (${JSON.stringify(token)})`);
  return [
    ...(bos
      ? ["Prompts must begin with the model's start-of-text token: the circuit was found with it in front."]
      : []),
    `With ONNX Runtime, any language: open \`onnx/model.onnx\`, whose weights lie beside it in \`model.onnx_data\` (a safetensors container), and feed \`input_ids\`, int64 [batch, ${tokens.length}]; \`scores\` comes back, float32 [batch, ${answers.length}]: the logits of the tokens ${shown.join(", ")}, … that \`circuit.json\` lists under \`compiled.answers\`, in that order. \`compiled.tokens\` lists, for each position, the token ids that may stand there.`,
    "With Pith: `pith run FOLDER --prompt PROMPT`, which names a token that it refuses.",
  ].join("\n\n");
}
