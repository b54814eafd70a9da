/** Lets a person remove components and add them again, and shows the answer of the patched model. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { recordsOf } from "../../src/discovery/searches/decision.ts";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { shapeOfFile } from "../../src/export/file-circuit.ts";
import { formatKl } from "../../src/report/format.ts";
import {
  type CellComponent,
  layerCells,
  neuronShare,
  neuronShareText,
} from "../../src/report/layer-cells.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import type { KnockResult } from "../../src/server/api.ts";
import {
  type Circuit,
  circuitKey,
  keeps,
  listsOf,
  sameCircuit,
  wholeCircuit,
} from "../../src/transformer/circuit.ts";
import { componentTitle, kindNouns, nameInModel, nameOfRecord } from "../../src/transformer/component.ts";
import { post } from "../data/api-client.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { percent, TokenBars } from "../parts/token-bars.tsx";
import { showToken } from "../parts/tokens.tsx";
import { type CircuitGrid, createGrid } from "../watch/circuit-grid.ts";
import { MapLegend } from "../watch/map-legend.tsx";
import { useAsked } from "./ask.ts";
import { differences, sameMlp, toggled } from "./kept-parts.ts";
import { Neurons } from "./neurons.tsx";
import { probabilitiesOf } from "./prompt-section.tsx";

export interface KnockOutProps {
  readonly id: string;
  readonly circuit: CircuitFile;
  readonly prompt: string;
  /** `own` has the circuit's own components, the other one those that are kept now. */
  readonly own: Circuit;
  readonly kept: Circuit;
  readonly onChange: (change: (kept: Circuit) => Circuit) => void;
}

export function KnockOut({ id, circuit, prompt, own, kept, onChange }: KnockOutProps) {
  const whole = useMemo(() => wholeCircuit(shapeOfFile(circuit)), [circuit]);
  const [pointed, setPointed] = useState<CellComponent | undefined>(undefined);
  const ask = (set: Circuit) => (abort: AbortSignal) =>
    post<KnockResult>(`/api/runs/${id}/knock`, { prompt, ...listsOf(set) }, abort);
  const base = useAsked(`${prompt} ${id}`, ask(own));
  const changes = differences(kept, own);
  // Without changes, the answer is the circuit's own, which is known already.
  const other = useAsked(changes === 0 ? undefined : `${prompt} ${id} ${circuitKey(kept)}`, ask(kept));
  const now = changes === 0 ? base : { ...other, value: other.value ?? base.value };
  return (
    <section aria-labelledby="knock-title">
      <h2 id="knock-title">Take a part out, put one back</h2>
      <p>
        Click a component, or walk over the map with the arrow keys and press space. What is out is replaced
        by {circuit.replacement.ablation === "mean" ? "its average" : "nothing"}; the answer to the prompt
        above changes at once, and so does what the parts add below.
        {circuit.constants !== undefined &&
          " The constants of the shipped circuit were fitted; here they are the means, so its own answer may be another one."}
      </p>
      <div class="knock">
        <div>
          <KnockMap circuit={circuit} kept={kept} own={own} onPoint={setPointed} onChange={onChange} />
          <p class="readout">{pointed === undefined ? summary(changes) : describe(circuit, pointed, kept)}</p>
          <Neurons circuit={circuit} kept={kept} onChange={onChange} />
          <div class="controls">
            <button type="button" class="button" disabled={changes === 0} onClick={() => onChange(() => own)}>
              Back to the circuit
            </button>
            <button
              type="button"
              class="button"
              disabled={sameCircuit(kept, whole)}
              onClick={() => onChange(() => whole)}
            >
              Put everything back
            </button>
          </div>
          <MapLegend trial={false} />
        </div>
        <div class="side card" aria-busy={now.waiting} data-side="knock">
          <h3>{changes === 0 ? "The circuit's answer" : "The answer now"}</h3>
          {now.fault !== undefined ? (
            <FaultNotice fault={now.fault} />
          ) : now.value === undefined ? (
            <Loading what="Asking the server…" />
          ) : (
            <div class={now.waiting ? "stale" : undefined}>
              <Effect base={base.value} now={now.value} changed={changes > 0} />
              <TokenBars
                label="The likeliest next tokens with the components as they are on the map"
                top={now.value.top}
                {...(base.value && { beside: probabilitiesOf(base.value.top), besideName: "circuit" })}
              />
              <p class="hint">Marks: what the circuit itself gives.</p>
            </div>
          )}
        </div>
      </div>
    </section>
  );
}

interface EffectProps {
  readonly base: KnockResult | undefined;
  readonly now: KnockResult;
  readonly changed: boolean;
}

/** What happened to the circuit's own answer. */
function Effect({ base, now, changed }: EffectProps) {
  const answer = base?.top[0];
  if (answer === undefined) return null;
  const after = now.top.find(({ id }) => id === answer.id)?.probability;
  const least = now.top.at(-1)?.probability ?? 0;
  return (
    <p class="effect" role="status">
      <span class="token">{showToken(answer.text)}</span>{" "}
      <span class="num">
        {percent(answer.probability)}
        {changed && ` → ${after === undefined ? `below ${percent(least)}` : percent(after)}`}
      </span>
    </p>
  );
}

interface KnockMapProps {
  readonly circuit: CircuitFile;
  readonly kept: Circuit;
  readonly own: Circuit;
  readonly onPoint: (cell: CellComponent | undefined) => void;
  readonly onChange: (change: (kept: Circuit) => Circuit) => void;
}

function KnockMap({ circuit, kept, own, onPoint, onChange }: KnockMapProps) {
  const host = useRef<HTMLDivElement>(null);
  const grid = useRef<CircuitGrid | undefined>(undefined);
  // Made once; its callbacks only set state.
  useLayoutEffect(() => {
    if (host.current === null) return;
    const made = createGrid(host.current, {
      headsPerLayer: circuit.model.heads,
      label: "Components: pressed ones are in",
      onPoint,
      onToggle: (cell) => onChange((before) => toggled(before, cell, own)),
    });
    grid.current = made;
    return () => made.remove();
  }, [circuit]);
  // Before the page is painted, so that map and buttons always agree.
  useLayoutEffect(() => {
    const bins = new Map(
      circuit.search.trace.flatMap((decision) =>
        recordsOf(decision).map((record) => [nameOfRecord(record), klBin(decision.delta)]),
      ),
    );
    const shape = shapeOfFile(circuit);
    for (const component of layerCells(shape, (cell) => cell).flatMap(({ heads, mlp }) => [...heads, mlp])) {
      if (component === undefined) continue;
      const { layer, kind } = component;
      const isIn = keeps(kept, component);
      grid.current?.set(component, isIn ? "kept" : "pruned", bins.get(nameInModel(component)));
      if (kind === "mlp") grid.current?.share(component, neuronShare(kept, shape, layer));
      const changed = kind === "mlp" ? !sameMlp(kept, own, layer) : isIn !== keeps(own, component);
      grid.current?.mark(component, changed);
    }
  }, [circuit, kept, own]);
  return <div class="map-room" ref={host} />;
}

function describe(circuit: CircuitFile, component: CellComponent, kept: Circuit): string {
  const { search, onTrial } = circuit;
  const neurons =
    component.kind === "mlp" ? neuronShare(kept, shapeOfFile(circuit), component.layer) : undefined;
  const part = neurons === undefined ? "" : `, ${neuronShareText(neurons)}`;
  const decision = search.trace.findLast((one) =>
    recordsOf(one).some((record) => nameOfRecord(record) === nameInModel(component)),
  );
  const cost =
    decision === undefined
      ? onTrial.includes(component.kind)
        ? "not tried in the search"
        : `${kindNouns[component.kind]}s were not tried`
      : `in the search, replacing ${decision.also === undefined ? "it" : "it and what was tried with it"} changed the KL by ${decision.atLeast ? "≥ " : ""}${decision.delta < 0 ? "−" : "+"}${formatKl(Math.abs(decision.delta))} nats`;
  return `${componentTitle(component)} is ${keeps(kept, component) ? "in" : "out"}${part}; ${cost}.`;
}

function summary(changes: number): string {
  if (changes === 0) return "The circuit as it was found.";
  return `${changes} ${changes === 1 ? "component is" : "components are"} not as the search left ${changes === 1 ? "it" : "them"}.`;
}
