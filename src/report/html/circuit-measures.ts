/** Every measured figure of a circuit, with the original's and how it was measured. */

import type { CircuitFile } from "../../export/circuit-file.ts";
import { rankTexts } from "../../export/rank-texts.ts";
import { weightBits } from "../bits-per-weight.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatKl,
  formatMilliseconds,
  formatShare,
  formatSpeed,
  plural,
} from "../format.ts";

/** The test set first, because it was not used for any choice. */
export const reportedSplits = ["test", "validation", "patching"] as const;

export type ReportedSplit = (typeof reportedSplits)[number];

export interface Measure {
  readonly name: string;
  readonly original: string;
  readonly circuit: string;
  readonly change: string;
  readonly how: string;
}

export function circuitMeasures(circuit: CircuitFile): readonly Measure[] {
  return [
    ...accuracyMeasures(circuit),
    ...klMeasures(circuit),
    ...yearMassMeasures(circuit),
    ...parameterMeasures(circuit),
    ...rankMeasures(circuit),
    weightsFileMeasure(circuit),
    ...timeMeasures(circuit),
    ...stabilityMeasures(circuit),
    {
      name: "checked",
      original: "",
      circuit: formatKl(circuit.metrics.verified),
      change: "",
      how: "largest difference of any logit between this circuit and the original with its replacements switched in",
    },
  ];
}

function accuracyMeasures(circuit: CircuitFile): readonly Measure[] {
  return reportedSplits.flatMap((split) => {
    const pair = circuit.metrics.accuracy[split];
    if (pair === undefined) return [];
    const seen = split === "test" ? "which the search has not seen" : "which chose the circuit";
    return [
      {
        name: `accuracy, ${split}`,
        original: formatShare(pair.original),
        circuit: formatShare(pair.circuit),
        change: points(pair.circuit - pair.original),
        how: `share of the ${promptsOf(circuit, split)}, ${seen}, that are answered right`,
      },
    ];
  });
}

function klMeasures(circuit: CircuitFile): readonly Measure[] {
  return reportedSplits.flatMap((split) => {
    const kl = circuit.metrics.kl[split];
    if (kl === undefined) return [];
    const how = `KL(original ‖ circuit) at the answer (mean over its positions, if it has several tokens), whole vocabulary, mean over the ${promptsOf(circuit, split)}`;
    const own = { name: `KL, ${split}`, original: "0", circuit: `${formatKl(kl)} nats`, change: "", how };
    const plain = split === "patching" ? undefined : circuit.constants?.plain.kl[split];
    if (plain === undefined) return [own];
    const name = `KL under plain means, ${split}`;
    const plainHow = "the same circuit without fitted constants: the original with means switched in";
    return [own, { ...own, name, circuit: `${formatKl(plain)} nats`, how: plainHow }];
  });
}

function yearMassMeasures(circuit: CircuitFile): readonly Measure[] {
  return reportedSplits.flatMap((split) => {
    const pair = circuit.metrics.yearMass?.[split];
    if (pair === undefined) return [];
    return [
      {
        name: `later − earlier years, ${split}`,
        original: pair.original.toFixed(3),
        circuit: pair.circuit.toFixed(3),
        change: "",
        how: `probability of later years less that of earlier ones, −1 to 1, mean over the ${promptsOf(circuit, split)}`,
      },
    ];
  });
}

function parameterMeasures({ metrics: { parameters } }: CircuitFile): readonly Measure[] {
  const counted = (name: keyof typeof parameters.circuit, label: string, how: string): Measure => ({
    name: label,
    original: formatCount(parameters.original[name]),
    circuit: formatCount(parameters.circuit[name]),
    change: formatChange(parameters.original[name], parameters.circuit[name]),
    how,
  });
  return [
    counted("body", "parameters, body", "weight matrices of attention and MLPs: what the paper counts"),
    counted("embedding", "parameters, embedding", "token and position tables"),
    counted(
      "bias",
      "parameters, bias",
      "biases, norms, and the constants that pruned components left behind",
    ),
    counted("total", "parameters, all", "numbers in the weights file"),
  ];
}

/** To what rank heads were cut. */
function rankMeasures({ headRank }: CircuitFile): readonly Measure[] {
  const texts = headRank && rankTexts(headRank);
  if (headRank === undefined || texts === undefined) return [];
  const { body, kl } = headRank;
  return [
    {
      ...{ name: "width of a head's values", original: texts.of, circuit: texts.rank },
      change: formatChange(body.whole, body.cut),
      how: `kept heads' writes were cut to this rank: the circuit's body went from ${formatCount(body.whole)} to ${formatCount(body.cut)}, KL on the patching and validation prompts from ${formatKl(kl.whole)} to ${formatKl(kl.cut)} nats`,
    },
  ];
}

function weightsFileMeasure(circuit: CircuitFile): Measure {
  const { bytes } = circuit.metrics;
  const { original, circuitText } = weightBits(circuit);
  return {
    name: "weights file",
    original: formatBytes(bytes.original),
    circuit: formatBytes(bytes.circuit),
    change: formatChange(bytes.original, bytes.circuit),
    how: `size on disk, at ${original} bits a number in the original and ${circuitText} in the circuit`,
  };
}

function timeMeasures({ metrics }: CircuitFile): readonly Measure[] {
  const { milliseconds: time, originalRun } = metrics;
  return [
    ...(originalRun === undefined
      ? []
      : [
          {
            ...{ name: "time a prompt", original: "not taken", circuit: "not taken", change: "" },
            how: "the original was too large to be loaded as one graph; it was measured layer by layer",
          },
        ]),
    ...(time === undefined
      ? []
      : [
          {
            name: "time a prompt",
            original: formatMilliseconds(time.original),
            circuit: formatMilliseconds(time.circuit),
            change: time.speed === undefined ? "" : formatSpeed(time.speed),
            how: "median of single prompts, original and circuit in turns, ONNX Runtime’s own time on the machine that cut the circuit",
          },
        ]),
  ];
}

function stabilityMeasures({ stability }: CircuitFile): readonly Measure[] {
  if (stability === undefined) return [];
  return [
    {
      name: "stability",
      original: "",
      circuit: stability.jaccard.components.toFixed(2),
      change: "",
      how: `mean pairwise Jaccard index of the circuits of ${stability.runs} searches on resampled prompts; ${stability.chance.components.toFixed(2)} is expected by chance`,
    },
  ];
}

function promptsOf({ task }: CircuitFile, split: ReportedSplit): string {
  return plural(task.examples[split], `${split} prompt`);
}

function points(difference: number): string {
  const text = (100 * Math.abs(difference)).toFixed(1);
  if (Number(text) === 0) return "±0.0 points";
  return `${difference < 0 ? "−" : "+"}${text} points`;
}
