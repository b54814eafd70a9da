/**
 * KL against size: the sweep's circuits as points, and beside them, as lines, the cuts along the rankings of learned
 * searches of the same model and task. Where there is none yet, a button learns one.
 */
import { useEffect, useState } from "preact/hooks";
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import { formatKl, formatShare } from "../../src/report/format.ts";
import type { RunCurve, RunDetail, RunRequest, RunSummary } from "../../src/server/api.ts";
import { type Fault, faultOf, get, post } from "../data/api-client.ts";
import { go, runPath } from "../data/router.ts";
import { FaultNotice } from "../parts/notice.tsx";
import { curveKl, describe, klOf, promptsOf, rowKey, share } from "./row-facts.ts";
import { type ChartCurve, type ChartPoint, type ChartSeries, ScatterChart } from "./scatter-chart.tsx";

/** The rows of one setting of the sweep. */
export interface SettingRows extends Pick<SweepRow, "ablation" | "mlps"> {
  readonly name: string;
  readonly rows: readonly SweepRow[];
}

export interface SizeKlProps {
  readonly detail: RunDetail;
  /** Has at least one row. */
  readonly rows: readonly SweepRow[];
  readonly series: readonly SettingRows[];
  readonly chosen: string | undefined;
  readonly onChoose: (key: string) => void;
}

/** Smaller values have no place on a logarithmic axis: they are those of nearly the whole model. */
const leastKl = 1e-4;

const isShown = ({ y }: ChartPoint): boolean => y >= leastKl;

export function SizeKl({ detail, rows, series, chosen, onChoose }: SizeKlProps) {
  const curves = useCurves(detail.id);
  const [first] = rows;
  if (first === undefined) return null;
  const settings = series.map(
    ({ name, ablation, mlps, rows: own }): ChartSeries => ({
      ...{ name, ablation, mlps },
      points: own
        .map((row) => ({ x: 100 * share(row), y: klOf(row), key: rowKey(row), label: describe(row) }))
        .filter(isShown),
    }),
  );
  if (settings.every(({ points }) => points.length === 0)) return null;
  return (
    <div>
      <ScatterChart
        {...{ chosen, onChoose }}
        title="KL against size"
        series={settings}
        curves={curves.map((curve) => chartCurve(curve, first))}
        x={{ label: "attention and MLP weights left, %", log: true }}
        y={{ label: `KL from the original, ${promptsOf(first)}, nats`, log: true }}
      />
      {curves.length === 0 ? (
        <LearnCurve detail={detail} />
      ) : (
        <p class="hint">
          A line is one learned search: its ranking of heads and neurons, cut at several sizes.{" "}
          {curves.map(({ id }, at) => (
            <>
              {at > 0 && ", "}
              <a key={id} href={runPath(id)}>
                {curves.length === 1 ? "Its run" : `Run ${at + 1}`}
              </a>
            </>
          ))}
          .
        </p>
      )}
      {curves.map((curve) => (
        <CutsTable key={curve.id} curve={curve} row={first} />
      ))}
    </div>
  );
}

function chartCurve({ id, seed, ablation, points }: RunCurve, row: SweepRow): ChartCurve {
  const name = `one learned ranking, ${ablation === "mean" ? "averages" : "zeros"}, seed ${seed}`;
  return {
    name,
    points: points
      .map((point) => ({
        ...{ key: `${id} ${point.size}`, x: 100 * point.size, y: curveKl(point, row) ?? 0 },
        label: `learned: ${point.heads} heads, ${point.mlps} MLPs${point.neurons > 0 ? ` in part, ${point.neurons} neurons` : ""}`,
      }))
      .filter(isShown),
  };
}

function CutsTable({ curve, row }: { readonly curve: RunCurve; readonly row: SweepRow }) {
  const { name } = chartCurve(curve, row);
  return (
    <details class="more">
      <summary>The cuts of {name}, as a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section class="inside scroll" tabIndex={0} aria-label={`The cuts of ${name}`}>
        <table class="stacked">
          <thead>
            <tr>
              <th scope="col">Weights left</th>
              <th scope="col" class="number-cell">
                Heads
              </th>
              <th scope="col" class="number-cell">
                MLPs
              </th>
              <th scope="col" class="number-cell">
                Neurons
              </th>
              <th scope="col" class="number-cell">
                KL, {promptsOf(row)}
              </th>
            </tr>
          </thead>
          <tbody>
            {curve.points.map((point) => (
              <tr key={point.size}>
                <th scope="row">{formatShare(point.size)}</th>
                <td class="number-cell" data-label="Heads">
                  {point.heads}
                </td>
                <td class="number-cell" data-label="MLPs">
                  {point.mlps}
                </td>
                <td class="number-cell" data-label="Neurons">
                  {point.neurons}
                </td>
                <td class="number-cell" data-label={`KL, ${promptsOf(row)}`}>
                  {formatKl(curveKl(point, row) ?? Number.NaN)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

/** Empty until they are read; without them the sweep's own points are still there. */
function useCurves(id: string): readonly RunCurve[] {
  const [curves, setCurves] = useState<readonly RunCurve[]>([]);
  useEffect(() => {
    const leaving = new AbortController();
    get<readonly RunCurve[]>(`/api/runs/${encodeURIComponent(id)}/curves`, leaving.signal)
      .then(setCurves)
      .catch(() => {});
    return () => leaving.abort();
  }, [id]);
  return curves;
}

function LearnCurve({ detail }: { readonly detail: RunDetail }) {
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const { request } = detail;
  if (request.kind !== "sweep") return null;
  const learn = async () => {
    const { model, task, options, ablations, seeds } = request;
    const [ablation = options.ablation] = ablations.includes("mean") ? (["mean"] as const) : ablations;
    const [seed = options.seed] = seeds;
    try {
      const learned: RunRequest = {
        ...{ kind: "extract", model, task, search: "learned" },
        options: { ...options, ablation, seed, mlps: true },
      };
      go(runPath((await post<RunSummary>("/api/runs", learned)).id));
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
  };
  return (
    <>
      <p class="hint">
        A learned search ranks heads and neurons for all sizes at once. When its run is done, its curve is
        drawn here.
      </p>
      <p>
        <button type="button" class="button" onClick={() => void learn()}>
          Learn a curve
        </button>
      </p>
      {fault !== undefined && <FaultNotice fault={fault} />}
    </>
  );
}
