/** README.md of a shipped folder: what the model is, its limits, and how to run it. */
import { keeps, keptNeurons } from "../transformer/circuit.ts";
import { type Component, componentsOfLayer } from "../transformer/component.ts";
import type { CircuitFile } from "./circuit-file.ts";
import { describeCompiled, howToRunCompiled } from "./compiled-card.ts";
import { constantsText, constantsWarning } from "./constants-text.ts";
import type { DtypeRecord } from "./dtype-record.ts";
import { shapeOfFile } from "./file-circuit.ts";
import { modelFiles, transformersJsNames } from "./folder-layout.ts";
import { circuitIn, dtypesIn } from "./formats.ts";
import { meansText } from "./means-text.ts";
import { rankTexts } from "./rank-texts.ts";
import { describeSearch, ruleOf } from "./search-text.ts";
import type { SpeedRecord } from "./speed-record.ts";
import { taskLabel } from "./task-label.ts";

/** @param circuit the content of circuit.json. */
export function modelCard(circuit: CircuitFile): string {
  const { model, task, profile } = circuit;
  const title = `${model.name} · ${taskLabel(circuit)}`;
  return [
    frontMatter(circuit),
    `# ${plain(title)}`,
    `The part of **${plain(model.name)}** that does one task, **${plain(task.name)}**, as a model of its own. Everything else was removed, not masked: what is gone left behind ${leftBehind(circuit)}.`,
    "**It does this one task.** On any other text its answers mean nothing, though they may look fluent.",
    ...(circuit.constants === undefined ? [] : [`**Its constants were fitted.** ${constantsWarning}`]),
    "## What was kept",
    "One row a layer, last layer first: heads by number, `·` where a head was pruned, `MLP` where it stays.",
    codeBlock("text", circuitMap(circuit)),
    "## What was measured",
    metricsTable(circuit),
    ...(circuit.dtype === undefined ? [] : [describeDtype(circuit.dtype)]),
    ...((circuit.formats ?? []).length === 0 ? [] : [formatsTable(circuit)]),
    `Standalone and patched model agree within ${scientific(circuit.metrics.verified)} in every logit on the validation set${circuit.dtype === undefined ? "" : ", in float32"}.`,
    ...(circuit.compiled === undefined ? [] : [describeCompiled(circuit.compiled)]),
    "## How to run it",
    circuit.compiled === undefined ? howToRun(circuit) : howToRunCompiled(circuit.compiled, circuit.task.bos),
    "## Where it comes from",
    `Cut by Pith ${plain(circuit.pith)}, ${describeOptions(circuit)}. \`circuit.json\` has every decision of the search and the hashes of the model and the task. ${
      profile.kind === "aligned"
        ? `It takes prompts of exactly ${profile.length} tokens.`
        : "It takes prompts of any length."
    }`,
  ]
    .join("\n\n")
    .concat("\n");
}

/** The circuit as text, layers last to first. */
function circuitMap(file: CircuitFile): string {
  const { model, kept: circuit } = file;
  const digits = String(Math.max(0, ...model.heads) - 1).length;
  const neuronsOf = (layer: number): string => {
    const kept = keptNeurons(circuit, layer);
    return kept === "all" || kept.length === 0 ? "" : ` (${kept.length} of ${shape[layer]?.hidden} neurons)`;
  };
  const cell = (component: Component): string => {
    switch (component.kind) {
      case "head":
        return (keeps(circuit, component) ? String(component.head) : "·").padStart(digits);
      case "mlp":
        return ` ${keeps(circuit, component) ? "MLP" : "·"}${neuronsOf(component.layer)}`;
      case "neuron":
        return "";
    }
  };
  const shape = shapeOfFile(file);
  return shape
    .map((parts, layer) => {
      const cells = componentsOfLayer(layer, parts).map(cell);
      return `layer ${String(layer).padStart(String(model.layers - 1).length)}  ${cells.join(" ")}`;
    })
    .reverse()
    .join("\n");
}

function frontMatter({ model, task, profile, compiled }: CircuitFile): string {
  // Names are written as JSON strings, which are valid YAML whatever characters they contain.
  return [
    "---",
    `library_name: ${compiled === undefined ? "transformers.js" : "onnx"}`,
    ...(profile.kind === "decoder" ? ["pipeline_tag: text-generation"] : []),
    `base_model: ${JSON.stringify(model.name)}`,
    `tags: ["onnx", "pith", "circuit", ${JSON.stringify(task.name)}]`,
    "---",
  ].join("\n");
}

function metricsTable({ metrics, headRank, constants }: CircuitFile): string {
  const { original, circuit } = metrics.parameters;
  const ranks = headRank && rankTexts(headRank);
  const rows: (readonly [string, string, string])[] = [];
  for (const split of ["test", "validation", "patching"] as const) {
    const accuracy = metrics.accuracy[split];
    if (accuracy)
      rows.push([`accuracy, ${split} set`, percent(accuracy.original), percent(accuracy.circuit)]);
  }
  for (const split of ["test", "validation", "patching"] as const) {
    const kl = metrics.kl[split];
    if (kl !== undefined) rows.push([`KL(original ‖ circuit), ${split} set, nats`, "0", kl.toPrecision(4)]);
    const plain = split === "patching" ? undefined : constants?.plain.kl[split];
    if (plain !== undefined)
      rows.push(["… under plain means, no constants fitted", "0", plain.toPrecision(4)]);
  }
  rows.push(
    ["parameters", grouped(original.total), grouped(circuit.total)],
    ["… of attention and MLPs", grouped(original.body), grouped(circuit.body)],
    ...(ranks ? [["… width of a head's values", ranks.of, ranks.rank] as const] : []),
    ["… of embeddings", grouped(original.embedding), grouped(circuit.embedding)],
    ["weight files, bytes", grouped(metrics.bytes.original), grouped(metrics.bytes.circuit)],
  );
  if (metrics.milliseconds) {
    const { milliseconds } = metrics;
    rows.push([
      "milliseconds a prompt",
      milliseconds.original.toPrecision(3),
      milliseconds.circuit.toPrecision(3),
    ]);
    const { speed } = milliseconds;
    if (speed !== undefined) rows.push(["times as fast (95 % interval)", "1", speedText(speed)]);
  } else if (metrics.originalRun !== undefined) {
    rows.push(["milliseconds a prompt", "not taken: measured layer by layer", "not taken"]);
  }
  const lines = rows.map(([name, before, after]) => `| ${name} | ${before} | ${after} |`);
  return ["| | original | circuit |", "|---|---:|---:|", ...lines].join("\n");
}

/** @param circuit with several number formats. */
function formatsTable(circuit: CircuitFile): string {
  const rows = dtypesIn(circuit).map((dtype, at) => {
    const { metrics } = circuitIn(circuit, dtype);
    const { model } = modelFiles(at === 0 ? undefined : dtype);
    const split = metrics.accuracy.test === undefined ? "validation" : "test";
    const accuracy = circuit.formats?.find(({ weights }) => weights === dtype)?.accuracy?.[split];
    const share = accuracy ?? metrics.accuracy[split]?.circuit;
    return `| ${dtype} | \`${transformersJsNames[dtype].dtype}\` | \`onnx/${model}\` | ${grouped(metrics.bytes.circuit)} | ${share === undefined ? "" : percent(share)} |`;
  });
  return [
    "The folder holds it in several number formats; the table above is float32's.",
    [
      "| weights | `dtype` in transformers.js | file | bytes | accuracy |",
      "|---|---|---|---:|---:|",
      ...rows,
    ].join("\n"),
  ].join("\n\n");
}

function describeDtype({ weights, divergence, float32 }: DtypeRecord): string {
  const names = { f16: "float16", int8: "int8 (embeddings too)", int4: "int4 (embeddings in int8)" };
  const splits = Object.entries(float32.accuracy).map(
    ([name, share]) =>
      `${percent(share)} on the ${name} set, from which this one diverges by ${(divergence[name as keyof typeof divergence] ?? Number.NaN).toPrecision(2)} nats`,
  );
  return `Its matrices are stored in **${names[weights]}**; what goes in and comes out is float32. In float32 the same circuit, of ${grouped(float32.bytes)} bytes, was right on ${splits.join(", and ")}.`;
}

function howToRun({ profile, task }: CircuitFile): string {
  const turns = `[${task.chat?.system === undefined ? "" : `{ role: "system", content: ${JSON.stringify(task.chat.system)} }, `}{ role: "user", content: "PROMPT" }]`;
  const text =
    task.chat === undefined
      ? '"PROMPT"'
      : `tokenizer.apply_chat_template(${turns}, { add_generation_prompt: true, tokenize: false })`;
  const bos = task.bos
    ? "Prompts must begin with the model's start-of-text token: the circuit was found with it in front."
    : "";
  const withTransformers =
    profile.kind === "decoder"
      ? `import { env, pipeline } from "@huggingface/transformers";

env.allowRemoteModels = false;
env.localModelPath = "./"; // where this folder lies
const generate = await pipeline("text-generation", "FOLDER", { dtype: "fp32" });
console.log(await generate(${task.chat === undefined ? '"PROMPT"' : turns}, { max_new_tokens: 1 }));`
      : `import { AutoModel, AutoTokenizer, env } from "@huggingface/transformers";

env.allowRemoteModels = false;
env.localModelPath = "./"; // where this folder lies
const tokenizer = await AutoTokenizer.from_pretrained("FOLDER");
// No pipeline: the circuit takes ${profile.length} tokens and can't go on from there.
const model = await AutoModel.from_pretrained("FOLDER", { dtype: "fp32" });
const { logits } = await model(tokenizer(${text}, { add_special_tokens: false })); // [1, vocabulary]`;
  const feeds =
    profile.kind === "decoder"
      ? "`input_ids`, `attention_mask` and `position_ids`, and an empty `past_key_values.J.key` and `.value` for every cache"
      : `\`input_ids\`, int64 [batch, ${profile.length}]`;
  const chat =
    task.chat === undefined
      ? ""
      : "Prompts are user's turns of a chat, put through the model's own chat template, and the answer begins the assistant's turn. A template that asks for the date was told 26 July 2024.";
  return [
    bos,
    chat,
    "With [transformers.js](https://www.npmjs.com/package/@huggingface/transformers):",
    codeBlock("js", withTransformers),
    `With ONNX Runtime, any language: open \`onnx/model.onnx\`, whose weights lie beside it in \`model.onnx_data\` (a safetensors container), and feed ${feeds}; \`logits\` comes back.`,
    "With Pith: `pith run FOLDER --prompt PROMPT`.",
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function describeOptions(circuit: CircuitFile): string {
  const { replacement, onTrial, triedAs, stability } = circuit;
  const means = replacement.ablation === "mean" ? meansText(replacement) : "zero ablation";
  const tried = onTrial.includes("mlp") ? "MLPs tried" : "MLPs not tried";
  const { manner = [] } = describeSearch(circuit.search);
  const together = triedAs === undefined ? [] : [`tried as ${plain(triedAs)}`];
  const chosen =
    stability?.chosen === undefined
      ? ""
      : `; of ${stability.runs} such searches on resampled prompts, at least ${percent(stability.chosen)} kept each component`;
  const fitted = circuit.constants === undefined ? [] : [constantsText(circuit.constants)];
  return `${[ruleOf(circuit), means, ...fitted, tried, ...together, ...manner].join(", ")}${chosen}`;
}

const codeBlock = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
/** Names come from outside: in running text they must not start any Markdown syntax. */
const plain = (text: string): string => text.replace(/[\\`*_{}[\]<>#|]/g, "\\$&").replace(/\s+/g, " ");
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const grouped = (count: number): string => count.toLocaleString("en-US");
const scientific = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** "1.52 (1.44 to 1.58)", or a statement that the difference is not certain where the interval contains 1. */
function speedText({ ratio, interval: [low, high] }: SpeedRecord): string {
  const range = `${low.toPrecision(3)} to ${high.toPrecision(3)}`;
  return low <= 1 && high >= 1 ? `too noisy to tell (${range})` : `${ratio.toPrecision(3)} (${range})`;
}

function leftBehind({ replacement, constants }: CircuitFile): string {
  const { ablation, valueBias } = replacement;
  if (constants !== undefined) return "constants that were fitted to the original's answers";
  if (ablation === "mean") return "its mean output, a constant";
  return valueBias === "kept" ? "nothing but the value biases of heads" : "nothing";
}
