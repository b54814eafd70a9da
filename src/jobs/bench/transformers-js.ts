/**
 * transformers.js as a competitor: it runs the original as a user of that library would. Pith does not depend on
 * it, so it is only loaded when it is requested.
 */
import { basename, dirname } from "node:path";

/** Only the functions that are called, because the library's own types are missing if it isn't installed. */
interface Library {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  readonly AutoModelForCausalLM: {
    from_pretrained(name: string, options: object): Promise<LibraryModel>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array, shape: readonly number[]) => object;
}

interface LibraryModel {
  (inputs: object): Promise<Readonly<Record<string, unknown>>>;
  generate(options: object): Promise<unknown>;
  dispose(): Promise<unknown>;
}

export interface TransformersJs {
  /** Milliseconds from token ids to the logits of every position, which the library returns. */
  forward(ids: readonly (readonly number[])[]): Promise<number>;
  /** Milliseconds a token, with the cache, after a prompt. */
  next(ids: readonly number[]): Promise<number>;
  close(): Promise<void>;
}

const generatedTokens = 9;

/** @param directory a folder of the decoder profile. @returns undefined if the library is not installed. */
export async function openTransformersJs(
  directory: string,
  threads: number,
): Promise<TransformersJs | undefined> {
  // Not a literal, because bundlers and import rules treat literals as dependencies.
  const name = "@huggingface/transformers";
  const library = (await import(name).catch(() => undefined)) as Library | undefined;
  if (library === undefined) return undefined;
  library.env.allowRemoteModels = false;
  library.env.localModelPath = dirname(directory);
  const model = await library.AutoModelForCausalLM.from_pretrained(basename(directory), {
    // This library's name for the file onnx/model.onnx, whatever its number format is.
    dtype: "fp32",
    device: "cpu",
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  const tensors = (ids: readonly (readonly number[])[]) => {
    const shape = [ids.length, ids[0]?.length ?? 0];
    const tensor = (value: (id: number) => bigint) =>
      new library.Tensor("int64", BigInt64Array.from(ids.flat(), value), shape);
    return { input_ids: tensor(BigInt), attention_mask: tensor(() => 1n) };
  };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await work();
    return performance.now() - begin;
  };
  return {
    forward: (ids) => timed(() => model(tensors(ids))),
    async next(ids) {
      // The library passes on the prompt, then each new token; the first one is not counted.
      const times: number[] = [];
      const streamer = { put: () => void times.push(performance.now()), end: () => {} };
      const exactly = { max_new_tokens: generatedTokens, min_new_tokens: generatedTokens };
      await model.generate({ ...tensors([ids]), ...exactly, do_sample: false, streamer });
      const [, first, ...later] = times;
      const last = later.at(-1);
      if (first === undefined || last === undefined) throw new TypeError("no tokens were handed over");
      return (last - first) / later.length;
    },
    async close() {
      await model.dispose();
    },
  };
}
