/** The section with circuits of all sizes: the cuts along the ranking that the search ended with. */
import type { CircuitFile } from "../../export/circuit-file.ts";
import { curveSplit, rankingText } from "../curve-text.ts";
import { formatCount, formatKl, formatShare } from "../format.ts";
import { sizeKlSvg } from "../maps/size-kl.ts";
import { type Html, html } from "./escape.ts";
import { figure, table } from "./page.ts";

/** Nothing for a circuit whose search ranks no sizes. */
export function curveSection(circuit: CircuitFile, id: string): Html {
  const { curve, metrics } = circuit;
  if (curve === undefined) return html``;
  const split = curveSplit(curve);
  const points = curve.map(({ size, kl }) => ({ size, kl: kl[split] ?? Number.NaN }));
  const { original, circuit: own } = metrics.parameters;
  const ownKl = metrics.kl[split];
  const chart = sizeKlSvg({
    ...{ id, title: "KL by size, along the search's ranking", prompts: `${split} prompts` },
    panels: [
      {
        name: circuit.task.name,
        series: [
          { name: `cuts along ${rankingText(circuit)}`, look: "line", points },
          ...(ownKl === undefined
            ? []
            : [
                {
                  ...{ name: "this circuit", look: "ring" as const },
                  points: [{ size: own.body / original.body, kl: ownKl }],
                },
              ]),
        ],
      },
    ],
  });
  const caption = html`One ranking orders all candidates, so that every size is a cut along it. This circuit need not be one of the cuts, as a search may go on from its cut by ranking anew what is kept. Where nothing is pruned KL is 0, which has no place on a logarithmic axis.`;
  return html`${figure(chart, caption, "KL by size")}
<details><summary>The cuts as a table</summary><div class="inside">${table({
    caption: `Cuts along ${rankingText(circuit)}, on the ${split} prompts`,
    columns: [
      { name: "weights left" },
      ...["heads", "MLPs", "neurons of MLPs in part", "KL, nats", "right"].map((name) => ({
        name,
        number: true,
      })),
    ],
    rows: curve.map(({ size, heads, mlps, neurons, kl, accuracy }) => [
      formatShare(size),
      ...[heads, mlps, neurons].map(formatCount),
      formatKl(kl[split] ?? Number.NaN),
      formatShare(accuracy[split] ?? Number.NaN),
    ]),
  })}</div></details>`;
}
