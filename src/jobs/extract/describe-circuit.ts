/** The content of circuit.json for a new circuit, before its files are known. */
import { createHash } from "node:crypto";
import type { FirstPositionDecision } from "../../discovery/first-position.ts";
import { searchUnitsNamed, singleComponents } from "../../discovery/search-units.ts";
import type { SearchResult } from "../../discovery/searches/decision.ts";
import type { SearchUse } from "../../discovery/searches/use-search.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Profile } from "../../export/config-json.ts";
import { packageVersion } from "../../files/package-files.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import { chatTemplateOf } from "../../tokenizer/chat-template.ts";
import { componentKinds, headCountsOf, isTried, neuronCountsOf } from "../../transformer/component.ts";
import { sharedKeyValueCounts } from "../../transformer/head-groups.ts";
import type { Model } from "../load-model.ts";
import type { Task } from "../read-task.ts";
import type { SearchSettings } from "./extract-options.ts";

/** The sources of the circuit, with their hashes. */
export interface Sources {
  readonly files: CircuitFile["model"]["files"];
  readonly task: string;
  readonly labels: readonly string[] | undefined;
}

export interface CircuitOrigin {
  readonly model: Model;
  readonly task: Task;
  readonly encoded: EncodedTask;
  readonly settings: SearchSettings;
  readonly search: SearchUse;
}

export function describeCircuit(
  { model, task, encoded, settings, search }: CircuitOrigin,
  sources: Sources,
  {
    circuit,
    trace,
    firstPosition,
  }: Pick<SearchResult, "circuit" | "trace"> & {
    readonly firstPosition: FirstPositionDecision | undefined;
  },
  profile: Profile,
  metrics: CircuitFile["metrics"],
): CircuitFile {
  const { ablation, valueBias, mlps, components, means, seed, bos, chat } = settings;
  const { transformer } = model;
  const keyValueHeads = sharedKeyValueCounts(transformer);
  return {
    pith: packageVersion(),
    profile,
    model: {
      name: model.name,
      family: model.config.modelType,
      layers: transformer.blocks.length,
      heads: [...headCountsOf(transformer)],
      ...(keyValueHeads && { keyValueHeads: [...keyValueHeads] }),
      neurons: [...neuronCountsOf(transformer)],
      width: transformer.width,
      vocabulary: transformer.vocabularySize,
      context: transformer.contextLength,
      files: [...sources.files],
      ...(model.notes.length > 0 && { notes: [...model.notes] }),
    },
    task: {
      name: task.name,
      sha256: sources.task,
      ...(task.builtin && { builtin: true }),
      ...(task.labels && { labels: [...task.labels] }),
      examples: {
        patching: encoded.patching.length,
        validation: encoded.validation.length,
        test: encoded.test.length,
      },
      ...{ seed, bos },
      ...(chat && { chat: chatRecord(task, model) }),
    },
    search: { name: search.name, options: search.options, trace: [...trace] },
    onTrial: componentKinds.filter(
      (kind) => isTried(kind, mlps) || (kind === "neuron" && mlps && splitsMlps(components)),
    ),
    ...(components !== singleComponents.name && { triedAs: components }),
    replacement: { ablation, ...(ablation === "zero" && { valueBias }), means, ...firstPosition },
    kept: circuit,
    metrics,
  };
}

const splitsMlps = (components: string): boolean => searchUnitsNamed(components).splitsMlps === true;

/** One system turn for all prompts is the circuit's own; of several, none is. */
function chatRecord({ examples }: Task, { tokenizer }: Model): NonNullable<CircuitFile["task"]["chat"]> {
  const { source } = chatTemplateOf(tokenizer.files);
  const [system, ...others] = new Set(examples.map((example) => example.system));
  return {
    template: createHash("sha256").update(source).digest("hex"),
    ...(system !== undefined && others.length === 0 && { system }),
  };
}
