/** The map during a search. It is drawn cell by cell outside the component, which only gives it a place. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { SearchUnit } from "../../src/discovery/search-units.ts";
import { type Decision, recordsOf } from "../../src/discovery/searches/decision.ts";
import { formatKl } from "../../src/report/format.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import type { RunOptions } from "../../src/server/api.ts";
import {
  type Component,
  componentOf,
  componentsOfModel,
  componentTitle,
  isTried,
  kindNouns,
  nameInModel,
  nameOfRecord,
  shapeOfHeadCounts,
} from "../../src/transformer/component.ts";
import { isFinal, type LiveRun } from "../data/live-run.ts";
import { type CircuitGrid, createGrid } from "./circuit-grid.ts";
import { MapLegend } from "./map-legend.tsx";

export interface LiveMapProps {
  readonly run: LiveRun;
  readonly headsPerLayer: readonly number[];
  readonly options: RunOptions;
  /** What the search tries, in its order. */
  readonly units: readonly SearchUnit[];
}

/** With more decisions in a frame, cells change at once instead of gradually. */
const mostGliding = 1;

export function LiveMap({ run, headsPerLayer, options, units }: LiveMapProps) {
  const host = useRef<HTMLDivElement>(null);
  const pointed = useRef(signal<Component | undefined>(undefined)).current;
  const counts = headsPerLayer.join();
  // A new list of the same shape is not a new map.
  useEffect(() => {
    if (host.current === null) return;
    const grid = createGrid(host.current, {
      headsPerLayer,
      label: "Circuit map; the arrow keys go from component to component",
      onPoint: (cell) => {
        pointed.value = cell;
      },
    });
    const shape = shapeOfHeadCounts(headsPerLayer);
    for (const component of componentsOfModel(shape)) {
      if (!isTried(component.kind, options.mlps)) grid.set(component, "kept");
    }
    let trial: SearchUnit = [];
    const show = (cells: SearchUnit, state: "unknown" | "trial") => {
      for (const cell of cells) grid.set(cell, state);
    };
    const draw = (from: number, to: number) => {
      show(from === 0 ? units.flat() : trial, "unknown");
      drawDecisions(grid, run.decisions, from, to);
      trial = (run.state.value === "running" && to > 0 ? units[to] : undefined) ?? [];
      show(trial, "trial");
      if (to === units.length) grid.describe(describe(run.decisions));
    };
    draw(0, run.decisions.length);
    const unsubscribe = run.subscribe(draw);
    const unwatch = run.state.subscribe((state) => {
      if (state === "running") return;
      show(trial, "unknown");
      trial = [];
    });
    return () => {
      unsubscribe();
      unwatch();
      grid.remove();
    };
  }, [run, counts]);
  return (
    <figure class="hero">
      <div class="map-room" ref={host} />
      {/* Screen readers do not read the stream of changes, only the cell that was pointed at. */}
      <figcaption class="readout" aria-live={pointed.value === undefined ? "off" : "polite"}>
        <Readout run={run} cell={pointed.value} mlps={options.mlps} />
      </figcaption>
      <MapLegend trial={!isFinal(run.state.value)} />
    </figure>
  );
}

function drawDecisions(grid: CircuitGrid, decisions: readonly Decision[], from: number, to: number): void {
  for (let index = from; index < to; index++) {
    const decision = decisions[index];
    if (decision === undefined) continue;
    const state = decision.pruned ? "pruned" : "kept";
    for (const record of recordsOf(decision))
      grid.set(componentOf(record), state, klBin(decision.delta), to - from <= mostGliding);
  }
}

function describe(decisions: readonly Decision[]): string {
  const kept = decisions.filter(({ pruned }) => !pruned).map(titleOf);
  return `Circuit map: ${kept.length} of ${decisions.length} components are kept: ${kept.join(", ")}.`;
}

const titleOf = (decision: Decision) =>
  recordsOf(decision)
    .map((record) => componentTitle(componentOf(record)))
    .join(" and ");

/** Facts about the cell under the pointer; else about the last decision. */
function Readout({
  run,
  cell,
  mlps,
}: {
  readonly run: LiveRun;
  readonly cell: Component | undefined;
  readonly mlps: boolean;
}) {
  const { done, state } = run;
  if (cell === undefined) {
    const last = run.decisions[done.value - 1] ?? run.decisions.at(-1);
    if (last === undefined) return <>Not begun yet.</>;
    if (isFinal(state.value))
      return (
        <>
          Point at a component, or walk over the map with tab and the arrow keys, to see what replacing it
          would cost.
        </>
      );
    return <Decided decision={last} />;
  }
  const name = nameInModel(cell);
  const decision = run.decisions.findLast((one) =>
    recordsOf(one).some((record) => nameOfRecord(record) === name),
  );
  if (decision !== undefined) return <Decided decision={decision} />;
  const title = componentTitle(cell);
  if (!isTried(cell.kind, mlps))
    return (
      <>
        {title}: kept; {kindNouns[cell.kind]}s are not tried in this run.
      </>
    );
  return <>{title}: not tried yet.</>;
}

function Decided({ decision }: { readonly decision: Decision }) {
  const { delta, pruned, atLeast } = decision;
  const cost = `${atLeast ? "≥ " : ""}${delta < 0 ? "−" : "+"}${formatKl(Math.abs(delta))}`;
  return (
    <>
      <strong>{titleOf(decision)}</strong> {pruned ? "pruned" : "kept"}: replacing it changes the KL by{" "}
      <span class="num">{cost}</span> nats.
    </>
  );
}
