/**
 * The page of a sweep: the size and the accuracy of each threshold's circuit; selecting a point shows its
 * circuit.
 */
import { useState } from "preact/hooks";
import { circuitOfRow } from "../../src/experiments/row-circuit.ts";
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import { formatChange, formatCount, formatKl, formatShare } from "../../src/report/format.ts";
import type { RunDetail, RunRequest, RunSummary } from "../../src/server/api.ts";
import { countKept } from "../../src/transformer/circuit.ts";
import { type Fault, faultOf, post } from "../data/api-client.ts";
import { go, runPath } from "../data/router.ts";
import { Figure } from "../parts/figure.tsx";
import { Empty, FaultNotice } from "../parts/notice.tsx";
import { unbroken } from "../parts/unbroken.ts";
import { accuracyOf, describe, klOf, promptsOf, rowKey, share } from "./row-facts.ts";
import { type ChartPoint, type ChartSeries, ScatterChart } from "./scatter-chart.tsx";
import { type SettingRows, SizeKl } from "./size-kl.tsx";
import { SmallMap } from "./small-map.tsx";
import { Smallest } from "./smallest.tsx";

export function ComparePage({ detail }: { readonly detail: RunDetail }) {
  const rows = detail.rows ?? [];
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const picked = rows.find((row) => rowKey(row) === chosen);
  if (rows.length === 0) return <Empty title="This sweep has no results." />;
  const series = seriesOf(rows);
  const hasTest = rows.every(({ accuracy }) => accuracy.test !== undefined);
  const [first] = rows;
  const original = first && accuracyOf(first).original;
  const chart = (points: (row: SweepRow) => Pick<ChartPoint, "x" | "y">): readonly ChartSeries[] =>
    series.map(({ name, rows: own, ablation, mlps }) => ({
      ...{ name, ablation, mlps },
      points: own.map((row) => ({ ...points(row), key: rowKey(row), label: describe(row) })),
    }));
  const charts = { chosen, onChoose: setChosen };
  const known = rows.filter((row) => row.known !== undefined);
  return (
    <>
      <p class="lead">
        Each point is a circuit. Point at one for its values, choose it to see what it keeps; extract it to
        open it in full, ask it and take it away.
      </p>
      <Smallest rows={rows} onChoose={setChosen} />
      <div class="compare">
        <ScatterChart
          {...charts}
          title="Size against threshold"
          series={chart((row) => ({ x: row.alpha, y: 100 * share(row) }))}
          x={{ label: "threshold α, nats", log: true }}
          y={{ label: "attention and MLP weights left, %", from: 0, to: 100 }}
          line
        />
        <ScatterChart
          {...charts}
          title="Accuracy against size"
          series={chart((row) => ({ x: 100 * share(row), y: 100 * accuracyOf(row).circuit }))}
          x={{ label: "attention and MLP weights left, %", from: 0, to: 100 }}
          y={{ label: `accuracy, ${hasTest ? "unseen" : "validation"} prompts, %`, from: 0, to: 100 }}
          {...(original !== undefined && { reference: { y: 100 * original, label: "original" } })}
          line
        />
        <SizeKl {...charts} detail={detail} rows={rows} series={series} />
        {known.length > 0 ? (
          <ScatterChart
            {...charts}
            title={`ROC: heads of the known circuit (${known[0]?.known?.id})`}
            series={chart((row) => ({ x: 100 * (row.known?.fpr ?? 0), y: 100 * (row.known?.tpr ?? 0) }))}
            x={{ label: "false positive rate, %", from: 0, to: 100 }}
            y={{ label: "true positive rate, %", from: 0, to: 100 }}
            diagonal
          />
        ) : (
          <p class="hint no-roc">No ROC curve: no known circuit fits this model and task.</p>
        )}
        <Picked detail={detail} row={picked} />
      </div>
      <AllRows rows={rows} chosen={chosen} onChoose={setChosen} />
    </>
  );
}

function Picked({ detail, row }: { readonly detail: RunDetail; readonly row: SweepRow | undefined }) {
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  if (row === undefined) {
    return (
      <div class="card picked">
        <Empty title="No circuit is chosen.">
          <p>Click a point, or walk to it with tab and the arrow keys; its circuit is one button further.</p>
        </Empty>
      </div>
    );
  }
  const { original, circuit } = row.parameters;
  const left = countKept(circuitOfRow(row));
  const accuracy = accuracyOf(row);
  const extract = async () => {
    const { model, task, options } = detail.request;
    const own = { alpha: row.alpha, ablation: row.ablation, mlps: row.mlps, seed: row.seed };
    try {
      const request: RunRequest = { kind: "extract", model, task, options: { ...options, ...own } };
      go(runPath((await post<RunSummary>("/api/runs", request)).id));
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
  };
  return (
    <div class="card picked picked-full">
      {detail.headsPerLayer.length > 0 && <SmallMap headsPerLayer={detail.headsPerLayer} row={row} />}
      <div>
        <h2 aria-live="polite">{describe(row)}</h2>
        <dl class="figures">
          <Figure
            label={`Accuracy, ${promptsOf(row)}`}
            value={formatShare(accuracy.circuit)}
            detail={`original ${unbroken(formatShare(accuracy.original))}`}
          />
          <Figure
            label="KL from the original"
            value={formatKl(klOf(row))}
            detail={`nats, ${promptsOf(row)}`}
          />
          <Figure
            label="Parameters"
            value={formatChange(original.total, circuit.total)}
            detail={`${formatCount(circuit.total)} of ${formatCount(original.total)}`}
          />
          <Figure label="Left" value={left.head} detail={`heads, and ${left.mlp} MLPs`} />
        </dl>
        <p>
          <button type="button" class="button primary" onClick={() => void extract()}>
            Extract this circuit
          </button>
        </p>
        <p class="hint">
          A sweep keeps what it found, not the models: extracting searches again at this threshold, and gives
          the circuit pages of its own.
        </p>
        {fault !== undefined && <FaultNotice fault={fault} />}
      </div>
    </div>
  );
}

function AllRows(props: {
  readonly rows: readonly SweepRow[];
  readonly chosen: string | undefined;
  readonly onChoose: (key: string) => void;
}) {
  const [first] = props.rows;
  const about = first && promptsOf(first);
  return (
    <details class="more">
      <summary>All circuits as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section class="inside scroll" tabIndex={0} aria-label="All circuits">
        <table class="stacked">
          <thead>
            <tr>
              <th scope="col">Circuit</th>
              <th scope="col" class="number-cell">
                Heads
              </th>
              <th scope="col" class="number-cell">
                MLPs
              </th>
              <th scope="col" class="number-cell">
                Weights left
              </th>
              <th scope="col" class="number-cell">
                Accuracy, {about}
              </th>
              <th scope="col" class="number-cell">
                KL, {about}
              </th>
            </tr>
          </thead>
          <tbody>
            {props.rows.map((row) => (
              <tr key={rowKey(row)}>
                <th scope="row" class="unbroken">
                  <button type="button" class="link left" onClick={() => props.onChoose(rowKey(row))}>
                    {describe(row)}
                  </button>
                </th>
                <Cell name="Heads" value={countKept(circuitOfRow(row)).head} />
                <Cell name="MLPs" value={countKept(circuitOfRow(row)).mlp} />
                <Cell name="Weights left" value={formatShare(share(row))} />
                <Cell name={`Accuracy, ${about}`} value={formatShare(accuracyOf(row).circuit)} />
                <Cell name={`KL, ${about}`} value={formatKl(klOf(row))} />
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function Cell({ name, value }: { readonly name: string; readonly value: string | number }) {
  return (
    <td class="number-cell" data-label={name}>
      {value}
    </td>
  );
}

/** The rows of one setting. */
interface Series extends SettingRows {
  readonly rows: SweepRow[];
}

/** One series for each setting, with ascending α. */
function seriesOf(rows: readonly SweepRow[]): readonly Series[] {
  const found = new Map<string, Series>();
  for (const row of rows) {
    const { ablation, mlps } = row;
    const name = `${ablation === "mean" ? "averages" : "zeros"}${mlps ? "" : ", MLPs stay"}`;
    const own = found.get(name) ?? { name, ablation, mlps, rows: [] };
    own.rows.push(row);
    found.set(name, own);
  }
  return [...found.values()].map((own) => ({ ...own, rows: own.rows.toSorted((a, b) => a.alpha - b.alpha) }));
}
