/** One prompt for two models: the original on the server, and the circuit in this browser. */
import { formatBytes, formatMilliseconds } from "../../src/report/format.ts";
import type { ServerPrediction, TokenProbability } from "../../src/server/api.ts";
import { post } from "../data/api-client.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { TokenBars } from "../parts/token-bars.tsx";
import { Tokens } from "../parts/tokens.tsx";
import { type Asked, useAsked } from "./ask.ts";
import { askHere, openProgress, useCircuitHere } from "./circuit-here.ts";
import { PromptForm, type PromptFormProps } from "./prompt-form.tsx";

interface Answer {
  readonly tokens: readonly string[];
  readonly top: readonly TokenProbability[];
  readonly milliseconds: number;
  readonly by: string;
}

export function PromptSection({ id, circuit, prompt, samples, onAsk }: PromptFormProps) {
  useCircuitHere();
  const key = prompt === "" ? undefined : `${id} ${prompt}`;
  const original = useAsked<Answer>(key, async (abort) => ({
    ...(await post<ServerPrediction>(`/api/runs/${id}/predict`, { prompt }, abort)),
    by: "on the server",
  }));
  const own = useAsked<Answer>(key, async () => {
    const found = await askHere(id, prompt, 10);
    return { ...found, by: `in this browser, ${found.provider === "webgpu" ? "WebGPU" : "WebAssembly"}` };
  });
  return (
    <section aria-labelledby="prompt-title">
      <h2 id="prompt-title">Ask both</h2>
      <PromptForm {...{ id, circuit, prompt, samples, onAsk }} />
      {original.value !== undefined && (
        <p class="seen">
          <Tokens tokens={original.value.tokens} label="Its tokens: " />{" "}
          <span class="hint">{original.value.tokens.length} tokens</span>
        </p>
      )}
      <div class="sides">
        <Side name="Original" asked={original} waiting={<Loading what="Asking the server…" />} />
        <Side name="Circuit" asked={own} waiting={<Opening />} beside={original.value?.top} />
      </div>
      <p class="hint sides-note">
        The two times are of different engines: the original runs on the server, the circuit in this browser;
        each ran once before, untimed, to warm up.
        {circuit.metrics.milliseconds !== undefined &&
          " What pruning saves is in “Time for a prompt” above, where both ran on the server, by one engine."}
      </p>
    </section>
  );
}

interface SideProps {
  readonly name: string;
  readonly asked: Asked<Answer>;
  readonly waiting: preact.ComponentChild;
  readonly beside?: readonly TokenProbability[] | undefined;
}

function Side({ name, asked, waiting, beside }: SideProps) {
  const { value, fault } = asked;
  return (
    <div class="side card" aria-busy={asked.waiting} data-side={name.toLowerCase()}>
      <h3>{name}</h3>
      {fault !== undefined ? (
        <FaultNotice fault={fault} />
      ) : value === undefined ? (
        waiting
      ) : (
        <div class={asked.waiting ? "stale" : undefined}>
          <p class="hint">
            {value.by}, <span class="num">{formatMilliseconds(value.milliseconds)}</span>
          </p>
          <TokenBars
            label={`The likeliest next tokens by the ${name.toLowerCase()}`}
            top={value.top}
            {...(beside && { beside: probabilitiesOf(beside), besideName: "original" })}
          />
          {beside !== undefined && <p class="hint">Marks: what the original gives.</p>}
        </div>
      )}
    </div>
  );
}

function Opening() {
  const progress = openProgress.value;
  if (progress?.step !== "download") return <Loading what="Opening the circuit in this browser…" />;
  return (
    <Loading
      what={`Fetching the circuit: ${formatBytes(progress.loaded)} of ${formatBytes(progress.total)}`}
    />
  );
}

export function probabilitiesOf(top: readonly TokenProbability[]): ReadonlyMap<number, number> {
  return new Map(top.map(({ id, probability }) => [id, probability]));
}
