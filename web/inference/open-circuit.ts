/**
 * A shipped circuit that runs in this browser. It is loaded once, checked in the same way as by the command line,
 * and run by the same code, with WebGPU if it works, else WebAssembly.
 */

import { PithError } from "../../src/errors.ts";
import { askCircuit, idsWithStart, promptIds } from "../../src/export/ask-circuit.ts";
import type { FileRecord } from "../../src/export/checksum.ts";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { parseCircuitFile } from "../../src/export/circuit-json.ts";
import { folderLayout as names } from "../../src/export/folder-layout.ts";
import type { Runtime, Session } from "../../src/runtime/runtime.ts";
import type { TokenProbability } from "../../src/server/api.ts";
import { isObject } from "../../src/tokenizer/json.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { browserRuntime, hasGraphicsCard, type ModelFiles, type Provider } from "./browser-runtime.ts";
import { fetchBytes, fetchJson } from "./fetch-file.ts";

export interface OpenProgress {
  readonly step: "download" | "start";
  /** Bytes of the weights so far. */
  readonly loaded: number;
  readonly total: number;
}

export interface OpenOptions {
  /** The records of the folder's files, circuit.json too; left out: the records in circuit.json. */
  readonly files?: readonly FileRecord[] | undefined;
  /** Left out: WebGPU if there is a graphics card. */
  readonly provider?: Provider | undefined;
  readonly onProgress?: ((progress: OpenProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CircuitPrediction {
  /** The prompt's tokens as the circuit got them, a start token included. */
  readonly tokens: readonly string[];
  /** The most likely first; of a compiled circuit, among its answers. */
  readonly top: readonly TokenProbability[];
  /** From tokens to probabilities, on this machine. */
  readonly milliseconds: number;
}

export interface OpenedCircuit {
  readonly circuit: CircuitFile;
  readonly provider: Provider;
  /** Accepts any prompt, even one that the circuit does not accept. @throws PithError "tokenizer" */
  tokenize(text: string): { readonly ids: readonly number[]; readonly tokens: readonly string[] };
  /**
   * The prompt's tokens, if the circuit accepts the prompt.
   * @throws PithError "task" if it does not, "tokenizer"
   */
  accept(prompt: string): readonly string[];
  /**
   * One prompt at a time; a second one waits.
   * @throws PithError "task" for a prompt that the circuit does not accept, with the prompts that it accepts.
   */
  predict(prompt: string, count?: number): Promise<CircuitPrediction>;
  close(): Promise<void>;
}

/**
 * @param baseUrl of the circuit's folder, relative to the page or absolute.
 * @throws PithError that names the file: "circuit", "tokenizer"; "runtime" when neither provider works.
 */
export async function openCircuit(baseUrl: string, options: OpenOptions = {}): Promise<OpenedCircuit> {
  const { signal } = options;
  const base = new URL(baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`, document.baseURI).href;
  const address = (name: string) => new URL(name, base).href;
  const circuitUrl = address(names.circuit);
  const given = options.files?.find(({ name }) => name === names.circuit);
  const circuit = parseCircuitFile(await fetchJson(circuitUrl, { expected: given, signal }), circuitUrl);
  const expected = (name: string) => ({
    expected: (options.files ?? circuit.files)?.find((file) => file.name === name),
    signal,
  });
  const modelName = `${names.modelFolder}/${names.model}`;
  const weightsName = `${names.modelFolder}/${names.weights}`;
  const total = circuit.metrics.bytes.circuit;
  const tell = (step: OpenProgress["step"], loaded: number) => options.onProgress?.({ step, loaded, total });
  tell("download", 0);
  const [tokenizerJson, tokenizerConfig, model, weights] = await Promise.all([
    fetchJson(address(names.tokenizer), expected(names.tokenizer)),
    fetchJson(address(names.tokenizerConfig), expected(names.tokenizerConfig)),
    fetchBytes(address(modelName), expected(modelName)),
    fetchBytes(address(weightsName), {
      ...expected(weightsName),
      onBytes: (loaded) => tell("download", loaded),
    }),
  ]);
  if (weights.length !== total) {
    throw new PithError("circuit", `has ${weights.length} bytes, but ${names.circuit} says ${total}.`, {
      place: { url: address(weightsName) },
      advice: "It was cut off, or is another circuit's.",
    });
  }
  const tokenizer = createTokenizer(
    {
      "tokenizer.json": isObject(tokenizerJson) ? tokenizerJson : {},
      "tokenizer_config.json": isObject(tokenizerConfig) ? tokenizerConfig : {},
    },
    base,
  );
  const words = { circuit, tokenizer };
  tell("start", total);
  const files: ModelFiles = { model, weights: new Map([[names.weights, weights]]) };
  const { provider, runtime, session } = await start(options.provider, files, (runtime, session) =>
    askCircuit(words, runtime, session, firstPrompt(circuit), 1),
  );
  let busy: Promise<unknown> = Promise.resolve();
  return {
    circuit,
    provider,
    tokenize(text) {
      const ids = idsWithStart(words, text);
      return { ids, tokens: ids.map((id) => tokenizer.tokenText(id)) };
    },
    accept: (prompt) => promptIds(words, prompt).map((id) => tokenizer.tokenText(id)),
    async predict(prompt, count = 10) {
      const ids = promptIds(words, prompt);
      const turn = busy.then(async () => {
        const begin = performance.now();
        const top = await askCircuit(words, runtime, session, ids, count);
        return { top, milliseconds: performance.now() - begin };
      });
      busy = turn.catch(() => undefined);
      return { tokens: ids.map((id) => tokenizer.tokenText(id)), ...(await turn) };
    },
    close: () => runtime.close(),
  };
}

interface Started {
  readonly provider: Provider;
  readonly runtime: Runtime;
  readonly session: Session;
}

/**
 * The first provider that answers a first prompt. That prompt also keeps one-time work (shaders, memory) out of
 * the times that are shown.
 */
async function start(
  asked: Provider | undefined,
  files: ModelFiles,
  tryOut: (runtime: Runtime, session: Session) => Promise<unknown>,
): Promise<Started> {
  const begin = async (provider: Provider): Promise<Started> => {
    const runtime = await browserRuntime(provider, files);
    try {
      const session = await runtime.loadFile(names.model);
      await tryOut(runtime, session);
      return { provider, runtime, session };
    } catch (error) {
      await runtime.close().catch(() => undefined);
      throw error;
    }
  };
  if (asked !== "wasm" && (asked === "webgpu" || (await hasGraphicsCard()))) {
    try {
      return await begin("webgpu");
    } catch (error) {
      if (asked === "webgpu") throw refusal(error);
      // A graphics card may still lack memory or an operation; then the processor is used.
    }
  }
  try {
    return await begin("wasm");
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(cause: unknown): PithError {
  if (cause instanceof PithError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PithError("runtime", `ONNX Runtime: ${reason}`, {
    advice: "A browser of the last two years should run it; WebAssembly may be switched off in this one.",
    cause,
  });
}

/** Any tokens that the circuit accepts. */
function firstPrompt({ compiled, profile }: CircuitFile): readonly number[] {
  if (compiled !== undefined) return compiled.tokens.map(([id = 0]) => id);
  return Array.from({ length: profile.kind === "aligned" ? profile.length : 1 }, () => 0);
}
