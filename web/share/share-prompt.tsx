/**
 * A field for a prompt, and the next tokens that the circuit predicts. The circuit is loaded at the first prompt.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import type { SharedCircuit, SharedPrompt } from "../../src/export/site-file.ts";
import { formatBytes, formatMilliseconds } from "../../src/report/format.ts";
import type { OpenedCircuit, OpenProgress } from "../inference/open-circuit.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { PromptBox } from "../parts/prompt-box.tsx";
import { TokenBars } from "../parts/token-bars.tsx";
import { showToken, Tokens } from "../parts/tokens.tsx";
import { useAsked } from "../understand/ask.ts";

export interface SharePromptProps {
  readonly shared: SharedCircuit;
  readonly circuit: CircuitFile;
}

export function SharePrompt({ shared, circuit }: SharePromptProps) {
  const [typed, setTyped] = useState(shared.samples[0]?.prompt ?? "");
  const [asking, setAsking] = useState<{ readonly prompt: string; readonly turn: number } | undefined>(
    undefined,
  );
  const [progress, setProgress] = useState<OpenProgress | undefined>(undefined);
  const open = useOpened(shared, setProgress);
  const { value, fault, waiting } = useAsked(asking && `${asking.turn} ${asking.prompt}`, async () => {
    const prompt = asking?.prompt ?? "";
    const opened = await open();
    return { prompt, provider: opened.provider, ...(await opened.predict(prompt, 10)) };
  });
  const ask = (prompt: string) => {
    setTyped(prompt);
    if (prompt !== "") setAsking({ prompt, turn: (asking?.turn ?? 0) + 1 });
  };
  const answers = value && shared.samples.find(({ prompt }) => prompt === value.prompt)?.answers;
  return (
    <section aria-labelledby="prompt-title">
      <h2 id="prompt-title">Ask it</h2>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          ask(typed);
        }}
      >
        <PromptBox
          labelShown
          value={typed}
          describedBy="prompt-hint"
          onValue={setTyped}
          onEnter={() => ask(typed)}
        />
        <button type="submit" class="button primary" disabled={typed === ""}>
          Ask
        </button>
        <p class="hint" id="prompt-hint">
          {takes(circuit)} The first answer fetches the circuit, {formatBytes(circuit.metrics.bytes.circuit)},
          and what runs it.
        </p>
      </form>
      <Samples samples={shared.samples} onAsk={ask} />
      <div class="share-answer" aria-live="polite" aria-busy={waiting}>
        {fault !== undefined ? (
          <FaultNotice fault={fault} />
        ) : waiting && (value === undefined || progress !== undefined) ? (
          <Loading what={progressText(progress)} />
        ) : value === undefined ? null : (
          <div class={waiting ? "card stale" : "card"}>
            <p class="seen">
              <Tokens tokens={value.tokens} label="Its tokens: " />{" "}
              <span class="hint">
                {value.tokens.length} tokens,{" "}
                <span class="num">{formatMilliseconds(value.milliseconds)}</span> by{" "}
                {value.provider === "webgpu" ? "WebGPU" : "WebAssembly"} on this machine
              </span>
            </p>
            <TokenBars label="The likeliest next tokens" top={value.top} />
            {circuit.compiled !== undefined && (
              <p class="hint">It was compiled for its task's words: shares are among its answers alone.</p>
            )}
            {answers !== undefined && (
              <p class="hint">Right would be {answers.map(showToken).join(" or ")}.</p>
            )}
          </div>
        )}
      </div>
    </section>
  );
}

function Samples({
  samples,
  onAsk,
}: {
  readonly samples: readonly SharedPrompt[];
  readonly onAsk: (prompt: string) => void;
}) {
  if (samples.length === 0) return null;
  return (
    <>
      <p class="hint">Some of its task:</p>
      <ul class="plain samples-list hint">
        {samples.map(({ prompt }) => (
          <li key={prompt}>
            <button type="button" class="link left" onClick={() => onAsk(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The circuit in this browser, opened once; after a failure, opening can be tried again. */
function useOpened(
  { path, files }: SharedCircuit,
  onProgress: (progress: OpenProgress | undefined) => void,
): () => Promise<OpenedCircuit> {
  const held = useRef<Promise<OpenedCircuit> | undefined>(undefined);
  useEffect(() => () => void held.current?.then((circuit) => circuit.close()).catch(() => undefined), []);
  return () => {
    held.current ??= import("../inference/open-circuit.ts")
      .then(({ openCircuit }) => openCircuit(path, { files, onProgress }))
      .catch((error: unknown) => {
        held.current = undefined;
        throw error;
      })
      .finally(() => onProgress(undefined));
    return held.current;
  };
}

function takes({ profile, compiled }: CircuitFile): string {
  if (profile.kind === "decoder") return "It takes prompts of any length.";
  const words = compiled === undefined ? "" : ", of the words that it was compiled for";
  return `It takes prompts of exactly ${profile.length} tokens${words}.`;
}

function progressText(progress: OpenProgress | undefined): string {
  if (progress?.step === "download") {
    return `Fetching the circuit: ${formatBytes(progress.loaded)} of ${formatBytes(progress.total)}`;
  }
  return progress === undefined ? "Opening the circuit…" : "Starting ONNX Runtime, which is fetched once…";
}
