/**
 * A chart of points on two axes, which can be selected by pointer or keys. It is small, so that no charting
 * library need be loaded.
 */
import { useRef, useState } from "preact/hooks";
import { type ChartAxis, type ChartScale, chartNumber, chartScale } from "./chart-scale.ts";

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

/** A line with marks that say their values, but can't be chosen. */
export interface ChartCurve {
  readonly name: string;
  readonly points: readonly ChartPoint[];
}

export interface ScatterChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly curves?: readonly ChartCurve[];
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly chosen: string | undefined;
  readonly onChoose: (key: string) => void;
  readonly line?: boolean;
  readonly diagonal?: boolean;
  readonly reference?: { readonly y: number; readonly label: string };
}

interface Scales {
  readonly x: ChartScale;
  readonly y: ChartScale;
}

const frame = { width: 480, height: 320, left: 46, right: 14, top: 12, bottom: 46 } as const;
const right = frame.width - frame.right;
const base = frame.height - frame.bottom;
/** The largest distance between pointer and point, in the picture's units; large enough for a finger. */
const reach = 16;

export function ScatterChart(props: ScatterChartProps) {
  const { title, series, curves = [], chosen, onChoose, line = false } = props;
  const points = series.flatMap((one) => one.points);
  const all = [...points, ...curves.flatMap((one) => one.points)];
  const scales = scalesOf(props, all);
  const host = useRef<SVGSVGElement>(null);
  const [pointed, setPointed] = useState<string | undefined>(undefined);
  const walk = (event: KeyboardEvent, index: number) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = points[index + step];
    if (next === undefined) return;
    onChoose(next.key);
    host.current?.querySelectorAll<SVGElement>("[data-point]")[index + step]?.focus();
  };
  const nearest = (event: MouseEvent, of = points) =>
    host.current && nearestPoint(of, scales, host.current, event);
  // One of the points is in the tab order: the selected one, else the first.
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
        onPointerMove={(event) => setPointed(nearest(event, all)?.key)}
        onPointerLeave={() => setPointed(undefined)}
      >
        <Grid {...props} scales={scales} />
        {line && series.map((one) => <SeriesLine key={one.name} series={one} scales={scales} />)}
        {curves.map((one) => (
          <CurveLine key={one.name} curve={one} scales={scales} />
        ))}
        {series.flatMap((one) =>
          one.points.map((point) => (
            <PointButton
              {...{ point, scales }}
              key={point.key}
              series={one}
              chosen={point.key === chosen}
              inOrder={point.key === inOrder}
              onPointed={(isPointed) => setPointed(isPointed ? point.key : undefined)}
              onClick={(event) => onChoose((nearest(event) ?? point).key)}
              onEnter={() => onChoose(point.key)}
              onOtherKey={(event) => walk(event, points.indexOf(point))}
            />
          )),
        )}
      </svg>
      <Values {...props} point={all.find(({ key }) => key === pointed)} />
      {series.length + curves.length > 1 && <Legend series={series} curves={curves} />}
    </figure>
  );
}

function scalesOf({ x, y }: Pick<ScatterChartProps, "x" | "y">, points: readonly ChartPoint[]): Scales {
  return {
    x: chartScale(
      x,
      points.map((point) => point.x),
      frame.left,
      right,
    ),
    y: chartScale(
      y,
      points.map((point) => point.y),
      base,
      frame.top,
    ),
  };
}

/** If points overlap, the nearest one to the pointer is selected, not the one drawn last. */
function nearestPoint(
  points: readonly ChartPoint[],
  { x, y }: Scales,
  host: SVGSVGElement,
  event: MouseEvent,
): ChartPoint | undefined {
  const box = host.getBoundingClientRect();
  if (box.width === 0) return undefined;
  const unit = frame.width / box.width;
  const [atX, atY] = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
  const distance = (point: ChartPoint) => Math.hypot(x.at(point.x) - atX, y.at(point.y) - atY);
  const [found] = points.toSorted((a, b) => distance(a) - distance(b));
  return found !== undefined && distance(found) <= reach ? found : undefined;
}

/** The background of the points: ticks with their numbers, and reference lines. */
function Grid(props: Pick<ScatterChartProps, "x" | "diagonal" | "reference"> & { readonly scales: Scales }) {
  const { diagonal = false, reference } = props;
  const { x, y } = props.scales;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: lines and numbers take no focus
    <g class="curve-grid" aria-hidden="true">
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line x1={frame.left} x2={right} y1={y.at(tick)} y2={y.at(tick)} />
          <text x={frame.left - 8} y={Math.min(y.at(tick) + 4, base)} text-anchor="end">
            {chartNumber(tick)}
          </text>
        </g>
      ))}
      {x.ticks.map((tick) => (
        <text key={tick} x={x.at(tick)} y={base + 20} text-anchor="middle">
          {chartNumber(tick)}
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
  );
}

function SeriesLine({ series, scales }: { readonly series: ChartSeries; readonly scales: Scales }) {
  const { ablation, mlps, points } = series;
  return <path class={`chart-line ${ablation}${mlps ? "" : " dashed"}`} d={pathThrough(points, scales)} />;
}

function pathThrough(points: readonly ChartPoint[], { x, y }: Scales): string {
  return points.map((point, index) => `${index === 0 ? "M" : "L"}${x.at(point.x)} ${y.at(point.y)}`).join("");
}

function CurveLine({ curve: { points }, scales }: { readonly curve: ChartCurve; readonly scales: Scales }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: it takes no focus; its values stand in a table
    <g class="chart-curve" aria-hidden="true">
      <path d={pathThrough(points, scales)} />
      {points.map(({ key, x, y }) => (
        <rect key={key} x={scales.x.at(x) - 4} y={scales.y.at(y) - 4} width={8} height={8} />
      ))}
    </g>
  );
}

interface PointButtonProps {
  readonly point: ChartPoint;
  readonly series: ChartSeries;
  readonly scales: Scales;
  readonly chosen: boolean;
  /** Whether the point is in the tab order. */
  readonly inOrder: boolean;
  readonly onPointed: (isPointed: boolean) => void;
  readonly onClick: (event: MouseEvent) => void;
  readonly onEnter: () => void;
  readonly onOtherKey: (event: KeyboardEvent) => void;
}

function PointButton(props: PointButtonProps) {
  const { point, series, scales, chosen, onPointed } = props;
  const [x, y] = [scales.x.at(point.x), scales.y.at(point.y)];
  return (
    // biome-ignore lint/a11y/useSemanticElements: SVG has no button of its own
    <g
      data-point={point.key}
      class={`${pointClass(series)}${chosen ? " chosen" : ""}`}
      role="button"
      aria-pressed={chosen}
      aria-label={`${point.label}: ${chartNumber(point.x)}, ${chartNumber(point.y)}`}
      tabindex={props.inOrder ? 0 : -1}
      onFocus={() => onPointed(true)}
      onBlur={() => onPointed(false)}
      onClick={props.onClick}
      onKeyDown={(event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          props.onEnter();
        } else props.onOtherKey(event);
      }}
    >
      <circle class="target" cx={x} cy={y} r={12} />
      {series.ablation === "mean" ? (
        <circle class="mark" cx={x} cy={y} r={5} />
      ) : (
        <path class="mark" d={`M${x} ${y - 6}l5.5 10h-11Z`} />
      )}
    </g>
  );
}

function pointClass({ ablation, mlps }: ChartSeries): string {
  return `chart-point ${ablation}${mlps ? "" : " hollow"}`;
}

/** The values of the point that is pointed at. */
function Values({
  x,
  y,
  point,
}: Pick<ScatterChartProps, "x" | "y"> & { readonly point: ChartPoint | undefined }) {
  return (
    <p class="chart-values">
      {point === undefined ? (
        "Point at a circuit for its values."
      ) : (
        <>
          <strong>{point.label}</strong>: {x.label} {chartNumber(point.x)}; {y.label} {chartNumber(point.y)}
        </>
      )}
    </p>
  );
}

function Legend({ series, curves }: Required<Pick<ScatterChartProps, "series" | "curves">>) {
  return (
    <ul class="chart-legend">
      {series.map((one) => (
        <li key={one.name}>
          <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
            <g class={pointClass(one)}>
              {one.ablation === "mean" ? (
                <circle class="mark" r={5} />
              ) : (
                <path class="mark" d="M0 -6l5.5 10h-11Z" />
              )}
            </g>
          </svg>
          {one.name}
        </li>
      ))}
      {curves.map(({ name }) => (
        <li key={name}>
          <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
            <g class="chart-curve">
              <path d="M-8 0h16" />
              <rect x={-4} y={-4} width={8} height={8} />
            </g>
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}
