/** Prompts that circuit and original answer differently: the main weakness of any circuit. */
import { formatKl, formatShare, plural } from "../../src/report/format.ts";
import type { ExamplesResult } from "../../src/server/api.ts";
import { get } from "../data/api-client.ts";
import { Empty, FaultNotice, Loading } from "../parts/notice.tsx";
import { showToken } from "../parts/tokens.tsx";
import { unbroken } from "../parts/unbroken.ts";
import { useAsked } from "./ask.ts";

export function Disagreements({
  id,
  onAsk,
}: {
  readonly id: string;
  readonly onAsk: (prompt: string) => void;
}) {
  const { value, fault } = useAsked(id, (abort) => get<ExamplesResult>(`/api/runs/${id}/examples`, abort));
  return (
    <section aria-labelledby="disagree-title">
      <h2 id="disagree-title">Where the two disagree</h2>
      {fault !== undefined ? (
        <FaultNotice fault={fault} />
      ) : value === undefined ? (
        <Loading what="Asking both about every prompt of the task…" />
      ) : (
        <Found found={value} onAsk={onAsk} />
      )}
    </section>
  );
}

function Found({
  found,
  onAsk,
}: {
  readonly found: ExamplesResult;
  readonly onAsk: (prompt: string) => void;
}) {
  const { splits, disagreements } = found;
  const { test, validation } = splits;
  const said = test ?? validation;
  const about =
    said?.originalAccuracy === undefined
      ? ""
      : `Right on ${test === undefined ? "the prompts that chose it" : "unseen prompts"}: circuit ${unbroken(formatShare(said.accuracy))}, original ${unbroken(formatShare(said.originalAccuracy))}${said.kl === undefined ? "" : `, KL ${unbroken(`${formatKl(said.kl)} nats`)}`}.`;
  if (disagreements.length === 0) {
    return (
      <Empty title="They don't: on every prompt both find the same token likeliest.">
        <p>{about}</p>
      </Empty>
    );
  }
  return (
    <>
      <p>
        On {plural(disagreements.length, "prompt")} {disagreements.length >= 100 ? "or more " : ""}they find
        different tokens likeliest. {about}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section class="scroll tall" tabIndex={0} aria-label="Prompts on which they disagree">
        <table class="stacked">
          <thead>
            <tr>
              <th scope="col">Prompt</th>
              <th scope="col">Right</th>
              <th scope="col">Original</th>
              <th scope="col">Circuit</th>
            </tr>
          </thead>
          <tbody>
            {disagreements.map(({ prompt, answers, original, circuit }, index) => (
              <tr key={index}>
                <th scope="row">
                  <button type="button" class="link left" onClick={() => onAsk(prompt)}>
                    {prompt}
                  </button>
                </th>
                <td data-label="Right">
                  <span class="token">{answers.slice(0, 2).map(showToken).join(", ")}</span>
                  {answers.length > 2 && "…"}
                </td>
                <Guess by="Original" token={original} right={answers} />
                <Guess by="Circuit" token={circuit} right={answers} />
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

interface GuessProps {
  readonly by: string;
  readonly token: string;
  readonly right: readonly string[];
}

function Guess({ by, token, right }: GuessProps) {
  const isRight = right.some((answer) => answer.startsWith(token));
  return (
    <td class="unbroken" data-label={by}>
      <span class="token">{showToken(token)}</span>{" "}
      <span class={isRight ? "good" : "bad"}>{isRight ? "✓" : "✗"}</span>
      <span class="visually-hidden">{isRight ? "right" : "wrong"}</span>
    </td>
  );
}
