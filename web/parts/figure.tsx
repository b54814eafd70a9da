/** One large number, with its meaning and a number to compare it with. */
import type { ComponentChildren } from "preact";

export interface FigureProps {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly detail?: ComponentChildren;
}

export function Figure({ label, value, detail }: FigureProps) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        {detail !== undefined && <span class="figure-detail">{detail}</span>}
      </dd>
    </div>
  );
}
