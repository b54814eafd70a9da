/** Points that can be chosen, by pointer or by keys, on two axes. Small, so that no charting library is fetched for it. */
import { useRef, useState } from "preact/hooks";
import { niceTicks } from "../../src/report/maps/trace-chart.ts";

export interface ChartPoint {
  readonly key: string;
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

export interface ChartSeries {
  readonly name: string;
  readonly ablation: "mean" | "zero";
  readonly mlps: boolean;
  readonly points: readonly ChartPoint[];
}

interface Axis {
  readonly label: string;
  readonly from?: number;
  readonly to?: number;
  readonly log?: boolean;
}

export interface ScatterChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly x: Axis;
  readonly y: Axis;
  readonly chosen: string | undefined;
  readonly onChoose: (key: string) => void;
  readonly line?: boolean;
  readonly diagonal?: boolean;
  readonly reference?: { readonly y: number; readonly label: string };
}

const frame = { width: 480, height: 320, left: 46, right: 14, top: 12, bottom: 46 } as const;
const right = frame.width - frame.right;
const base = frame.height - frame.bottom;
/** How near a pointer must be to a point, in the picture's units: what a finger hits. */
const reach = 16;

export function ScatterChart(props: ScatterChartProps) {
  const { title, series, chosen, onChoose, line = false, diagonal = false, reference } = props;
  const points = series.flatMap((one) => one.points);
  const x = scale(
    props.x,
    points.map((point) => point.x),
    frame.left,
    right,
  );
  const y = scale(
    props.y,
    points.map((point) => point.y),
    base,
    frame.top,
  );
  const host = useRef<SVGSVGElement>(null);
  const [pointed, setPointed] = useState<string | undefined>(undefined);
  const shown = points.find(({ key }) => key === pointed);
  const walk = (event: KeyboardEvent, index: number) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = points[index + step];
    if (next === undefined) return;
    onChoose(next.key);
    host.current?.querySelectorAll<SVGElement>("[data-point]")[index + step]?.focus();
  };
  // Where points overlap, the one under the pointer is the nearest, not the one drawn last.
  const nearest = (event: MouseEvent): ChartPoint | undefined => {
    const box = host.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return undefined;
    const unit = frame.width / box.width;
    const [atX, atY] = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
    const distance = (point: ChartPoint) => Math.hypot(x.at(point.x) - atX, y.at(point.y) - atY);
    const [found] = points.toSorted((a, b) => distance(a) - distance(b));
    return found !== undefined && distance(found) <= reach ? found : undefined;
  };
  // One of the points is in the tab order: the chosen one, else the first.
  const inOrder = points.some(({ key }) => key === chosen) ? chosen : points[0]?.key;
  return (
    <figure class="chart">
      <h2 class="small-title">{title}</h2>
      <p class="hint chart-axis">{props.y.label}</p>
      {/* biome-ignore lint/a11y/useSemanticElements: SVG has no fieldset */}
      <svg
        ref={host}
        viewBox={`0 0 ${frame.width} ${frame.height}`}
        role="group"
        aria-label={title}
        onPointerMove={(event) => setPointed(nearest(event)?.key)}
        onPointerLeave={() => setPointed(undefined)}
      >
        {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: lines and numbers take no focus */}
        <g class="curve-grid" aria-hidden="true">
          {y.ticks.map((tick) => (
            <g key={tick}>
              <line x1={frame.left} x2={right} y1={y.at(tick)} y2={y.at(tick)} />
              <text x={frame.left - 8} y={Math.min(y.at(tick) + 4, base)} text-anchor="end">
                {tickText(tick)}
              </text>
            </g>
          ))}
          {x.ticks.map((tick) => (
            <text key={tick} x={x.at(tick)} y={base + 20} text-anchor="middle">
              {tickText(tick)}
            </text>
          ))}
          <text x={(frame.left + right) / 2} y={frame.height - 6} text-anchor="middle">
            {props.x.label}
          </text>
          {diagonal && <path class="chart-chance" d={`M${x.at(0)} ${y.at(0)}L${x.at(100)} ${y.at(100)}`} />}
          {reference && (
            <>
              <path class="chart-chance" d={`M${frame.left} ${y.at(reference.y)}H${right}`} />
              <text x={right} y={y.at(reference.y) + 14} text-anchor="end">
                {reference.label}
              </text>
            </>
          )}
        </g>
        {line &&
          series.map(({ name, ablation, mlps, points: own }) => (
            <path
              key={name}
              class={`chart-line ${ablation}${mlps ? "" : " dashed"}`}
              d={own
                .map((point, index) => `${index === 0 ? "M" : "L"}${x.at(point.x)} ${y.at(point.y)}`)
                .join("")}
            />
          ))}
        {series.flatMap(({ ablation, mlps, points: own }) =>
          own.map((point) => (
            // biome-ignore lint/a11y/useSemanticElements: SVG has no radio of its own
            <g
              key={point.key}
              data-point={point.key}
              class={`chart-point ${ablation}${mlps ? "" : " hollow"}${point.key === chosen ? " chosen" : ""}`}
              role="button"
              aria-pressed={point.key === chosen}
              aria-label={`${point.label}: ${tickText(point.x)}, ${tickText(point.y)}`}
              tabindex={point.key === inOrder ? 0 : -1}
              onFocus={() => setPointed(point.key)}
              onBlur={() => setPointed(undefined)}
              onClick={(event) => onChoose((nearest(event) ?? point).key)}
              onKeyDown={(event) => {
                if (event.key === "Enter" || event.key === " ") {
                  event.preventDefault();
                  onChoose(point.key);
                } else walk(event, points.indexOf(point));
              }}
            >
              <circle class="target" cx={x.at(point.x)} cy={y.at(point.y)} r={12} />
              {ablation === "mean" ? (
                <circle class="mark" cx={x.at(point.x)} cy={y.at(point.y)} r={5} />
              ) : (
                <path class="mark" d={`M${x.at(point.x)} ${y.at(point.y) - 6}l5.5 10h-11Z`} />
              )}
            </g>
          )),
        )}
      </svg>
      <p class="chart-values">
        {shown === undefined ? (
          "Point at a circuit for its values."
        ) : (
          <>
            <strong>{shown.label}</strong>: {props.x.label} {tickText(shown.x)}; {props.y.label}{" "}
            {tickText(shown.y)}
          </>
        )}
      </p>
      {series.length > 1 && (
        <ul class="chart-legend">
          {series.map(({ name, ablation, mlps }) => (
            <li key={name}>
              <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
                <g class={`chart-point ${ablation}${mlps ? "" : " hollow"}`}>
                  {ablation === "mean" ? (
                    <circle class="mark" r={5} />
                  ) : (
                    <path class="mark" d="M0 -6l5.5 10h-11Z" />
                  )}
                </g>
              </svg>
              {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function scale(
  { from, to, log = false }: Axis,
  values: readonly number[],
  start: number,
  end: number,
): Scale {
  const place = (share: number) => Math.round(100 * (start + share * (end - start))) / 100;
  if (log) {
    const logs = values.map(Math.log10);
    // A hair for ends that are powers of ten but for rounding.
    const [low, high] = [Math.floor(Math.min(...logs) + 1e-9), Math.ceil(Math.max(...logs) - 1e-9)];
    const most = Math.max(high, low + 1);
    const ticks = Array.from({ length: most - low + 1 }, (_, at) => Number(`1e${low + at}`));
    return { ticks, at: (value) => place((Math.log10(value) - low) / (most - low)) };
  }
  const ticks = niceTicks(from ?? Math.min(...values), to ?? Math.max(...values), 5);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  return { ticks, at: (value) => place((value - low) / (high - low)) };
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
