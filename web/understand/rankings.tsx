/** A ranking of the original's components, beside what the search found when it tried each. */
import { useState } from "preact/hooks";
import { componentRankings } from "../../src/discovery/rankings/ranking.ts";
import { formatScore } from "../../src/report/format.ts";
import type { RankingResult } from "../../src/server/api.ts";
import { get } from "../data/api-client.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { useAsked } from "./ask.ts";

export function Rankings({ id }: { readonly id: string }) {
  const [chosen, setChosen] = useState<string>();
  const { value, fault, waiting } = useAsked(chosen && `${id} ${chosen}`, (abort) =>
    get<RankingResult>(`/api/runs/${id}/rankings/${chosen}`, abort),
  );
  return (
    <section aria-labelledby="rankings-title">
      <h2 id="rankings-title">How rankings see the original</h2>
      <p>
        Each ranking estimates from the whole model how much the task would lose without a head or an MLP. The
        search looks at what is left when it tries one, so they need not agree.
      </p>
      <label>
        Ranking{" "}
        <select value={chosen ?? ""} onChange={(event) => setChosen(event.currentTarget.value || undefined)}>
          <option value="">choose one</option>
          {componentRankings.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {fault !== undefined ? (
        <FaultNotice fault={fault} />
      ) : chosen === undefined ? null : value === undefined ? (
        <Loading what="Scoring the original's components…" />
      ) : (
        <div class={waiting ? "stale" : undefined} aria-busy={waiting}>
          <Scored found={value} />
        </div>
      )}
    </section>
  );
}

function Scored({ found }: { readonly found: RankingResult }) {
  const { estimates, fails, loss, agreement, components } = found;
  return (
    <>
      <p>
        {estimates} {fails} {loss !== undefined && `Loss: ${loss}. `}
        {agreement !== undefined &&
          `Rank correlation with the search's increases of KL: ${agreement.toFixed(2)}.`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section class="scroll tall" tabIndex={0} aria-label="Scores of the original's components">
        <table class="stacked">
          <thead>
            <tr>
              <th scope="col">Component</th>
              <th scope="col">Circuit</th>
              <th scope="col">Score</th>
              <th scope="col">Search: Δ, nats</th>
            </tr>
          </thead>
          <tbody>
            {components.map(({ name, kept, score, delta }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td data-label="Circuit">{kept ? "kept" : "pruned"}</td>
                <td data-label="Score">{formatScore(score)}</td>
                <td data-label="Search: Δ, nats">{delta === undefined ? "" : formatScore(delta)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
