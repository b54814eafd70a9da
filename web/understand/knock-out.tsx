/** Components taken out and put back by hand, with the answer that the patched model then gives. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { formatKl } from "../../src/report/format.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import type { KnockResult } from "../../src/server/api.ts";
import { post } from "../data/api-client.ts";
import { type CellName, cellTitle } from "../data/candidates.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { percent, TokenBars } from "../parts/token-bars.tsx";
import { showToken } from "../parts/tokens.tsx";
import { type CircuitGrid, createGrid } from "../watch/circuit-grid.ts";
import { MapLegend } from "../watch/map-legend.tsx";
import { useAsked } from "./ask.ts";
import { allCells, differences, type Kept, keyOf, listsOf, toggled } from "./kept-parts.ts";
import { probabilitiesOf } from "./prompt-section.tsx";

export interface KnockOutProps {
  readonly id: string;
  readonly circuit: CircuitFile;
  readonly prompt: string;
  /** The circuit's own components, and those that are in now. */
  readonly own: Kept;
  readonly kept: Kept;
  readonly onChange: (change: (kept: Kept) => Kept) => void;
}

export function KnockOut({ id, circuit, prompt, own, kept, onChange }: KnockOutProps) {
  const whole = useMemo(() => new Set(allCells(circuit).map(keyOf)), [circuit]);
  const [pointed, setPointed] = useState<CellName | undefined>(undefined);
  const ask = (set: Kept) => (abort: AbortSignal) =>
    post<KnockResult>(`/api/runs/${id}/knock`, { prompt, ...listsOf(set) }, abort);
  const base = useAsked(`${prompt} ${id}`, ask(own));
  const changes = differences(kept, own);
  // Unchanged, the answer is the circuit's own, and is there already.
  const other = useAsked(changes === 0 ? undefined : `${prompt} ${id} ${[...kept].sort().join()}`, ask(kept));
  const now = changes === 0 ? base : { ...other, value: other.value ?? base.value };
  return (
    <section aria-labelledby="knock-title">
      <h2 id="knock-title">Take a part out, put one back</h2>
      <p>
        Click a component, or walk over the map with the arrow keys and press space. What is out is replaced
        by {circuit.options.ablation === "mean" ? "its average" : "nothing"}; the answer to the prompt above
        changes at once, and so does what the parts add below.
      </p>
      <div class="knock">
        <div>
          <KnockMap circuit={circuit} kept={kept} own={own} onPoint={setPointed} onChange={onChange} />
          <p class="readout">{pointed === undefined ? summary(changes) : describe(circuit, pointed, kept)}</p>
          <div class="controls">
            <button type="button" class="button" disabled={changes === 0} onClick={() => onChange(() => own)}>
              Back to the circuit
            </button>
            <button
              type="button"
              class="button"
              disabled={kept.size === whole.size}
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

/** What became of the circuit's own answer. */
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
  readonly kept: Kept;
  readonly own: Kept;
  readonly onPoint: (cell: CellName | undefined) => void;
  readonly onChange: (change: (kept: Kept) => Kept) => void;
}

function KnockMap({ circuit, kept, own, onPoint, onChange }: KnockMapProps) {
  const host = useRef<HTMLDivElement>(null);
  const grid = useRef<CircuitGrid | undefined>(undefined);
  // Made once; what it calls only sets state.
  useLayoutEffect(() => {
    if (host.current === null) return;
    const made = createGrid(host.current, {
      headsPerLayer: circuit.model.heads,
      label: "Components: pressed ones are in",
      onPoint,
      onToggle: (cell) => onChange((before) => toggled(before, keyOf(cell))),
    });
    grid.current = made;
    return () => made.remove();
  }, [circuit]);
  // Before the page is painted: map and buttons never say different things.
  useLayoutEffect(() => {
    const bins = new Map(circuit.trace.map((decision) => [keyOf(decision), klBin(decision.delta)]));
    for (const cell of allCells(circuit)) {
      const key = keyOf(cell);
      grid.current?.set(cell, kept.has(key) ? "kept" : "pruned", bins.get(key));
      grid.current?.mark(cell, kept.has(key) !== own.has(key));
    }
  }, [circuit, kept, own]);
  return <div class="map-room" ref={host} />;
}

function describe({ trace, options }: CircuitFile, cell: CellName, kept: Kept): string {
  const decision = trace.findLast((one) => keyOf(one) === keyOf(cell));
  const cost =
    decision === undefined
      ? cell.component === "mlp" && !options.mlps
        ? "MLPs were not tried"
        : "not tried in the search"
      : `in the search, replacing it changed the KL by ${decision.delta < 0 ? "−" : "+"}${formatKl(Math.abs(decision.delta))} nats`;
  return `${cellTitle(cell)} is ${kept.has(keyOf(cell)) ? "in" : "out"}; ${cost}.`;
}

function summary(changes: number): string {
  if (changes === 0) return "The circuit as it was found.";
  return `${changes} ${changes === 1 ? "component is" : "components are"} not as the search left ${changes === 1 ? "it" : "them"}.`;
}
