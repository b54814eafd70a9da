/** The measurements of original and circuit side by side; accuracy on unseen prompts comes first. */
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { constantsWarning } from "../../src/export/constants-text.ts";
import { rankTexts } from "../../src/export/rank-texts.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatKl,
  formatMilliseconds,
  formatShare,
  formatSpeed,
} from "../../src/report/format.ts";
import { keptOfAll } from "../../src/report/kept-text.ts";
import { Figure } from "../parts/figure.tsx";
import { AccuracyFigure, SizeFigures } from "../parts/result-figures.tsx";
import { unbroken } from "../parts/unbroken.ts";

export function Scores({ circuit }: { readonly circuit: CircuitFile }) {
  const { metrics } = circuit;
  const split = metrics.accuracy.test === undefined ? "validation" : "test";
  const kl = metrics.kl[split];
  const plainKl = circuit.constants?.plain.kl[split];
  const { milliseconds } = metrics;
  return (
    <section aria-labelledby="scores-title">
      <h2 id="scores-title" class="visually-hidden">
        Circuit and original
      </h2>
      <p class="lead">
        {keptOfAll(circuit).join(" and ")} are left. The rest is gone from the weights, not only switched off.
      </p>
      {circuit.constants !== undefined && <p>{constantsWarning}</p>}
      <dl class="figures scores">
        <AccuracyFigure circuit={circuit} />
        {kl !== undefined && (
          <Figure
            label="KL from the original"
            value={formatKl(kl)}
            detail={`${split === "test" ? "nats, unseen prompts" : "nats, on the prompts that chose the circuit"}${plainKl === undefined ? "" : `; ${formatKl(plainKl)} under plain means`}`}
          />
        )}
        <SizeFigures circuit={circuit} />
        {milliseconds !== undefined && (
          <Figure
            label="Time for a prompt"
            value={formatMilliseconds(milliseconds.circuit)}
            detail={`original ${unbroken(formatMilliseconds(milliseconds.original))}, same engine${milliseconds.speed === undefined ? "" : `: ${formatSpeed(milliseconds.speed)}`}`}
          />
        )}
      </dl>
      <details class="more">
        <summary>All that was measured</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <section class="inside scroll" aria-label="All that was measured" tabIndex={0}>
          <AllMeasures circuit={circuit} />
        </section>
      </details>
    </section>
  );
}

type Row = readonly [name: string, original: string, circuit: string, change: string];

const columns = ["Original", "Circuit", "Change"] as const;

function AllMeasures({ circuit }: { readonly circuit: CircuitFile }) {
  return (
    <table class="stacked">
      <thead>
        <tr>
          <th scope="col">Measure</th>
          {columns.map((name) => (
            <th scope="col" class="number-cell" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {measures(circuit).map(([name, ...values]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {values.map((value, column) => (
              <td class="number-cell" data-label={value === "" ? undefined : columns[column]} key={column}>
                {value}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function measures({ metrics, headRank, constants }: CircuitFile): readonly Row[] {
  const { accuracy, kl, parameters, bytes, milliseconds, originalRun, verified } = metrics;
  const counts = (name: string, key: keyof typeof parameters.original): Row => {
    const [before, after] = [parameters.original[key], parameters.circuit[key]];
    return [name, formatCount(before), formatCount(after), formatChange(before, after)];
  };
  const ranks = headRank && rankTexts(headRank);
  const rows: Row[] = [];
  for (const split of ["test", "validation"] as const) {
    const pair = accuracy[split];
    if (pair !== undefined) {
      const points = 100 * (pair.circuit - pair.original);
      const change = `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)} points`;
      rows.push([`Accuracy, ${split}`, formatShare(pair.original), formatShare(pair.circuit), change]);
    }
  }
  for (const split of ["test", "validation"] as const) {
    const value = kl[split];
    if (value !== undefined) rows.push([`KL, ${split} (nats)`, "0", formatKl(value), ""]);
    const plain = constants?.plain.kl[split];
    if (plain !== undefined) rows.push([`KL under plain means, ${split} (nats)`, "0", formatKl(plain), ""]);
  }
  rows.push(
    counts("Parameters", "total"),
    counts("… of attention and MLPs", "body"),
    counts("… of embeddings", "embedding"),
    counts("… of biases and norms", "bias"),
    ...(ranks ? [["Width of a head's values", ranks.of, ranks.rank, ""] as const] : []),
    [
      "Weights",
      formatBytes(bytes.original),
      formatBytes(bytes.circuit),
      formatChange(bytes.original, bytes.circuit),
    ],
  );
  if (milliseconds !== undefined) {
    const { original, circuit } = milliseconds;
    rows.push([
      "Time for a prompt",
      formatMilliseconds(original),
      formatMilliseconds(circuit),
      milliseconds.speed === undefined ? "" : formatSpeed(milliseconds.speed),
    ]);
  } else if (originalRun !== undefined) {
    rows.push(["Time for a prompt", `not taken: measured ${originalRun}`, "not taken", ""]);
  }
  rows.push(["Largest difference of a logit, patched and shipped", "", verified.toExponential(1), ""]);
  return rows;
}
