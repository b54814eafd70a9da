/**
 * The inside of the circuit on one prompt: the attention of its heads, and each part's contribution to the
 * answer.
 */
import { useState } from "preact/hooks";
import { printableText } from "../../src/printable.ts";
import { attentionMapSvg, mostTokens } from "../../src/report/maps/attention-map.ts";
import { signed } from "../../src/report/maps/svg.ts";
import type { AttributionResult, PatternsResult } from "../../src/server/api.ts";
import { type Circuit, circuitKey, listsOf } from "../../src/transformer/circuit.ts";
import { componentTitle, headNumber } from "../../src/transformer/component.ts";
import { post } from "../data/api-client.ts";
import { Empty, FaultNotice, Loading } from "../parts/notice.tsx";
import { showToken } from "../parts/tokens.tsx";
import { useAsked } from "./ask.ts";

export interface LookInsideProps {
  readonly id: string;
  readonly prompt: string;
  /** The kept components, if they are not the circuit's own. */
  readonly kept: Circuit | undefined;
}

export function LookInside({ id, prompt, kept }: LookInsideProps) {
  const key = `${id} ${prompt} ${kept === undefined ? "as found" : `kept ${circuitKey(kept)}`}`;
  const body = { prompt, ...(kept && { kept: listsOf(kept) }) };
  const patterns = useAsked(key, (abort) => post<PatternsResult>(`/api/runs/${id}/patterns`, body, abort));
  const attribution = useAsked(key, (abort) =>
    post<AttributionResult>(`/api/runs/${id}/attribution`, body, abort),
  );
  return (
    <div class="inside-columns">
      <section aria-labelledby="patterns-title">
        <h2 id="patterns-title">Where its heads look</h2>
        {patterns.fault !== undefined ? (
          <FaultNotice fault={patterns.fault} />
        ) : patterns.value === undefined ? (
          <Loading what="Computing attention…" />
        ) : (
          <div class={patterns.waiting ? "stale" : undefined} aria-busy={patterns.waiting}>
            {kept !== undefined && <Changed />}
            <Patterns found={patterns.value} />
          </div>
        )}
      </section>
      <section aria-labelledby="attribution-title">
        <h2 id="attribution-title">What each part adds to the answer</h2>
        {attribution.fault !== undefined ? (
          <FaultNotice fault={attribution.fault} />
        ) : attribution.value === undefined ? (
          <Loading what="Computing attribution…" />
        ) : (
          <div class={attribution.waiting ? "stale" : undefined} aria-busy={attribution.waiting}>
            {kept !== undefined && <Changed />}
            <Attribution found={attribution.value} />
          </div>
        )}
      </section>
    </div>
  );
}

function Changed() {
  return <p class="hint changed-note">With the components as they are on the map above.</p>;
}

function Patterns({ found: { tokens, heads } }: { readonly found: PatternsResult }) {
  const [chosen, setChosen] = useState("");
  const names = heads.map(({ layer, head }) => headNumber(layer, head));
  const current = names.includes(chosen) ? chosen : names.at(-1);
  const shown = heads.find(({ layer, head }) => headNumber(layer, head) === current);
  if (shown === undefined) return <Empty title="No head is left." />;
  const svg = attentionMapSvg({
    id: "attention",
    name: componentTitle({ kind: "head", layer: shown.layer, head: shown.head }),
    tokens: tokens.map(printableText),
    weights: shown.pattern.flat(),
  });
  return (
    <>
      <fieldset class="chips">
        <legend class="hint">Head (layer.head)</legend>
        {names.map((name) => (
          <label class="chip" key={name}>
            <input
              type="radio"
              class="visually-hidden"
              name="pattern"
              checked={name === current}
              onChange={() => setChosen(name)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <div class="scroll" tabIndex={0}>
        <div class="picture" style={{ width: roomFor(svg) }} dangerouslySetInnerHTML={{ __html: svg }} />
      </div>
      <AttentionKey />
      <p class="hint">
        A row is a token that asks, a column one that is looked at. No token sees what comes after it.
      </p>
      {tokens.length > mostTokens && (
        <p class="hint">
          The picture shows the last {mostTokens} of the prompt's {tokens.length} tokens. A row adds up to
          less than 1 where its head looks at earlier ones.
        </p>
      )}
    </>
  );
}

/**
 * The picture is widened until its labels are as large as the text around it; it is never narrower than it can be
 * read.
 */
function roomFor(svg: string): string {
  const natural = Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 300);
  return `max(${natural}px, min(100%, 30rem, ${Math.round(1.4 * natural)}px))`;
}

const shares = [0.04, 0.25, 0.5, 0.75, 1];

function AttentionKey() {
  return (
    <p class="hint attention-key">
      Share of attention: 0{" "}
      <span aria-hidden="true">
        {shares.map((share) => (
          <span key={share} style={{ opacity: share }} />
        ))}
      </span>{" "}
      1
    </p>
  );
}

function Attribution({ found: { answer, parts, total } }: { readonly found: AttributionResult }) {
  const sorted = parts.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const [low, high] = [
    Math.min(0, ...parts.map(({ value }) => value)),
    Math.max(1e-9, ...parts.map(({ value }) => value)),
  ];
  const at = (value: number) => `${((100 * (value - low)) / (high - low)).toFixed(2)}%`;
  return (
    <>
      <p class="hint">
        Direct logit attribution: how much each part writes straight towards{" "}
        <span class="token">{showToken(answer)}</span>, beside the average token. Together {signed(total, 2)}.
      </p>
      <table class="bars attribution">
        <caption class="visually-hidden">What each part adds to the answer's logit, largest first</caption>
        <tbody>
          {sorted.map(({ name, value }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="bar-room">
                <span class="bar-zero" style={{ left: at(0) }} />
                <span
                  class={value < 0 ? "bar negative" : "bar positive"}
                  style={{
                    left: at(Math.min(0, value)),
                    width: `${((100 * Math.abs(value)) / (high - low)).toFixed(2)}%`,
                  }}
                />
              </td>
              <td class="number-cell">{signed(value, 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
