/** The original's results on the task, shown before the search: a circuit can't do what its model can't. */
import { formatCount, formatShare, plural } from "../../src/report/format.ts";
import type { PreflightResult } from "../../src/server/api.ts";
import { CommandText } from "../parts/fault-text.tsx";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { unbroken } from "../parts/unbroken.ts";
import { asking, preflight, preflightFault } from "./preflight.ts";
import { chooseOptions, options } from "./run-form.ts";

export function PreflightCard() {
  const found = preflight.value;
  if (!asking.value && found === undefined && preflightFault.value === undefined) return null;
  return (
    <section class="card preflight" aria-labelledby="preflight-title" aria-busy={asking.value}>
      <h3 id="preflight-title">What the original does with it</h3>
      {preflightFault.value !== undefined ? (
        <FaultNotice fault={preflightFault.value} />
      ) : found === undefined ? (
        <Loading what="Asking the original…" />
      ) : (
        <>
          <Figures found={found} />
          <Findings found={found} />
        </>
      )}
    </section>
  );
}

function Figures({ found }: { readonly found: PreflightResult }) {
  const { original, chance, answerTokens, splits } = found;
  const [low, high] = original.interval.map(formatShare);
  return (
    <dl class="facts">
      <dt>Right</dt>
      <dd>
        {unbroken(formatShare(original.accuracy))} of {plural(original.prompts, "prompt")}{" "}
        <span class="soft">
          (95 % interval: {unbroken(`${low}`)} to {unbroken(`${high}`)})
        </span>
      </dd>
      {chance !== undefined && (
        <>
          <dt>A guess</dt>
          <dd>{unbroken(formatShare(chance))}</dd>
        </>
      )}
      <dt>Answers</dt>
      <dd>
        {answerTokens
          .map(({ tokens, answers }) => `${formatCount(answers)} of ${plural(tokens, "token")}`)
          .join(", ")}
      </dd>
      <dt>Different prompts</dt>
      <dd>
        {formatCount(splits.patching.differentPrompts)} to average,{" "}
        {formatCount(splits.validation.differentPrompts)} to decide,{" "}
        {formatCount(splits.test.differentPrompts)} unseen
      </dd>
    </dl>
  );
}

const looks = { note: "notice", warning: "notice notice-bad", refusal: "notice notice-bad" } as const;

function Findings({ found: { findings } }: { readonly found: PreflightResult }) {
  const isRefused = findings.some(({ severity }) => severity === "refusal");
  return (
    <>
      {findings.map(({ code, severity, sentence, advice }) => (
        <div key={code} class={looks[severity]} data-severity={severity}>
          <p>
            <CommandText text={sentence} />
          </p>
          {advice !== "" && (
            <p>
              <CommandText text={advice} />
            </p>
          )}
        </div>
      ))}
      {isRefused && (
        <label class="choice check">
          <input
            type="checkbox"
            checked={options.value?.allowWeak ?? false}
            onChange={({ currentTarget }) => chooseOptions({ allowWeak: currentTarget.checked })}
          />
          <span>
            <strong>Search all the same</strong>
            <span class="hint">What is found is then a part of a model that does not do this task.</span>
          </span>
        </label>
      )}
    </>
  );
}
