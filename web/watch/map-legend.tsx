/** The legend of a map: shapes first, colours second. */
import { klBins } from "../../src/report/maps/map-style.ts";
import type { ComponentKind } from "../../src/transformer/component.ts";

export function MapLegend({ trial = true }: { readonly trial?: boolean }) {
  return (
    <div class="legend">
      <ul class="legend-shapes">
        <Shape kind="head" state="kept" name="head, kept" />
        <Shape kind="mlp" state="kept" name="MLP, kept" />
        <Shape kind="head" state="pruned" name="pruned" />
        {trial && <Shape kind="head" state="trial" name="on trial" />}
      </ul>
      <div class="legend-scale">
        <span>What replacing it adds to the KL, nats</span>
        <ol aria-label="Colour scale: each colour's upper end, in nats">
          {[...klBins, undefined].map((end, bin) => (
            <li key={end ?? "more"}>
              <span class={`swatch swatch-${bin}`} aria-hidden="true" />
              <span>{end === undefined ? "more" : end === 0 ? "0" : end}</span>
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

function Shape(props: { readonly kind: ComponentKind; readonly state: string; readonly name: string }) {
  return (
    <li>
      <span class={`component ${props.kind}`} data-state={props.state} data-bin="3" aria-hidden="true" />
      {props.name}
    </li>
  );
}
