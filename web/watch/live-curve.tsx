/** The KL by step during a search. */
import { useEffect, useRef } from "preact/hooks";
import type { LiveRun } from "../data/live-run.ts";
import { createKlCurve } from "./kl-curve.ts";

export interface LiveCurveProps {
  readonly run: LiveRun;
  readonly alpha: number;
  /** The number of all candidates. */
  readonly candidates: number;
}

export function LiveCurve({ run, alpha, candidates }: LiveCurveProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (host.current === null) return;
    const curve = createKlCurve(host.current, alpha);
    const draw = (from: number, to: number) => {
      curve.expect(Math.max(candidates, to));
      curve.draw(run.decisions, from, to);
    };
    draw(0, run.decisions.length);
    const unsubscribe = run.subscribe(draw);
    return () => {
      unsubscribe();
      curve.remove();
    };
  }, [run, candidates, alpha]);
  return (
    <figure class="curve-figure">
      <h2 class="small-title">How far the circuit has moved from the original</h2>
      <p class="hint chart-axis">KL divergence, nats</p>
      <div ref={host} />
      <figcaption>
        <ul class="legend-shapes curve-key">
          <li>
            <span class="component head" data-state="kept" data-bin="3" aria-hidden="true" />
            head that stays
          </li>
          <li>
            <span class="component mlp" data-state="kept" data-bin="3" aria-hidden="true" />
            MLP that stays
          </li>
        </ul>
        <p class="hint">A step up of less than α = {alpha} is accepted; colours are those of the map.</p>
      </figcaption>
    </figure>
  );
}
