/** Components taken out and put back by hand, with the answer that the patched model then gives. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { formatKl } from "../../src/report/format.ts";
import { klBin } from "../../src/report/maps/map-style.ts";
import type { KnockResult } from "../../src/studio/api.ts";
import { post } from "../data/api-client.ts";
import { type CellName, cellTitle } from "../data/candidates.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { percent, TokenBars } from "../parts/token-bars.tsx";
import { showToken } from "../parts/tokens.tsx";
import { type CircuitGrid, createGrid } from "../watch/circuit-grid.ts";
import { MapLegend } from "../watch/map-legend.tsx";
import { useAsked } from "./ask.ts";
import { probabilitiesOf } from "./prompt-section.tsx";

export interface KnockOutProps {
  readonly id: string;
  readonly circuit: CircuitFile;
  readonly prompt: string;
}

type Kept = ReadonlySet<string>;

export function KnockOut({ id, circuit, prompt }: KnockOutProps) {
  const own = useMemo(() => keptBy(circuit), [circuit]);
  const whole = useMemo(() => new Set(allCells(circuit).map(keyOf)), [circuit]);
  const [kept, setKept] = useState<Kept>(own);
  const [pointed, setPointed] = useState<CellName | undefined>(undefined);
  const ask = (set: Kept) => (abort: AbortSignal) =>
    post<KnockResult>(`/api/runs/${id}/knock`, { prompt, ...listsOf(set) }, abort);
  const base = useAsked(`${prompt} ${id}`, ask(own));
  const changed = [...whole].filter((key) => kept.has(key) !== own.has(key));
  // Unchanged, the answer is the circuit's own, and is there already.
  const other = useAsked(
    changed.length === 0 ? undefined : `${prompt} ${id} ${[...kept].sort().join()}`,
    ask(kept),
  );
  const now = changed.length === 0 ? base : { ...other, value: other.value ?? base.value };
  return (
    <section aria-labelledby="knock-title">
      <h2 id="knock-title">Take a part out, put one back</h2>
      <p>
        Click a component, or walk over the map with the arrow keys and press space. What is out is replaced
        by {circuit.options.ablation === "mean" ? "its average" : "nothing"}; the answer to the prompt above
        changes at once.
      </p>
      <div class="knock">
        <div>
          <KnockMap circuit={circuit} kept={kept} own={own} onPoint={setPointed} onChange={setKept} />
          <p class="readout">
            {pointed === undefined ? summary(changed.length) : describe(circuit, pointed, kept)}
          </p>
          <div class="controls">
            <button type="button" class="button" disabled={changed.length === 0} onClick={() => setKept(own)}>
              Back to the circuit
            </button>
            <button
              type="button"
              class="button"
              disabled={kept.size === whole.size}
              onClick={() => setKept(whole)}
            >
              Put everything back
            </button>
          </div>
          <MapLegend trial={false} />
        </div>
        <div class="side card" aria-busy={now.waiting} data-side="knock">
          <h3>{changed.length === 0 ? "The circuit's answer" : "The answer now"}</h3>
          {now.fault !== undefined ? (
            <FaultNotice fault={now.fault} />
          ) : now.value === undefined ? (
            <Loading what="Asking the server…" />
          ) : (
            <div class={now.waiting ? "stale" : undefined}>
              <Effect base={base.value} now={now.value} changed={changed.length > 0} />
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

function toggled(kept: Kept, key: string): Kept {
  const next = new Set(kept);
  if (!next.delete(key)) next.add(key);
  return next;
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

function keyOf({ layer, component }: CellName): string {
  return `${layer}.${component}`;
}

function allCells({ model }: CircuitFile): readonly CellName[] {
  return model.heads.flatMap((count, layer) => [
    ...Array.from({ length: count }, (_, head) => ({ layer, component: `head.${head}` })),
    { layer, component: "mlp" },
  ]);
}

function keptBy({ heads, mlps }: CircuitFile): Kept {
  return new Set([
    ...heads.map(([layer, head]) => `${layer}.head.${head}`),
    ...mlps.map((layer) => `${layer}.mlp`),
  ]);
}

function listsOf(kept: Kept): {
  readonly heads: readonly (readonly [number, number])[];
  readonly mlps: readonly number[];
} {
  const parts = [...kept].map((key) => key.split("."));
  return {
    heads: parts
      .filter(([, kind]) => kind === "head")
      .map(([layer, , head]): readonly [number, number] => [Number(layer), Number(head)])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    mlps: parts
      .filter(([, kind]) => kind === "mlp")
      .map(([layer]) => Number(layer))
      .sort((a, b) => a - b),
  };
}
