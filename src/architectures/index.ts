/**
 * The list of families, which convert a checkpoint's own tensor names to the one description of a model. To add a
 * family, write its file beside this one and list it here.
 */
import { PithError } from "../errors.ts";
import { describeValue, ownProperty } from "../files/json.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { configError, type RawConfig } from "./config-fields.ts";
import { falcon } from "./falcon.ts";
import type { CheckpointTensors, Family, FamilyConfig } from "./family.ts";
import { gemma } from "./gemma.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gptNeo } from "./gpt-neo.ts";
import { gptNeox } from "./gpt-neox.ts";
import { gpt2 } from "./gpt2.ts";
import { gptj } from "./gptj.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { olmo2, olmo3 } from "./olmo.ts";
import { opt } from "./opt.ts";
import { phi } from "./phi.ts";
import { phi3 } from "./phi3.ts";
import { qwen2, qwen3 } from "./qwen.ts";
import { smollm3 } from "./smollm3.ts";
import { stablelm } from "./stablelm.ts";
import { starcoder2 } from "./starcoder2.ts";
import { unreadKind } from "./unread-models.ts";

const families = new Map<string, Family>();
registerFamily(gpt2);
registerFamily(llama);
registerFamily(mistral);
registerFamily(qwen2);
registerFamily(qwen3);
registerFamily(gemma);
registerFamily(phi3);
registerFamily(smollm3);
registerFamily(starcoder2);
registerFamily(stablelm);
registerFamily(gptNeox);
registerFamily(gptj);
registerFamily(phi);
registerFamily(opt);
registerFamily(gptNeo);
registerFamily(gemma2);
registerFamily(falcon);
registerFamily(olmo2);
registerFamily(olmo3);
registerFamily(gemma3);

/**
 * Registers a family for its values of `model_type`.
 * @throws PithError "config" when another family has one of them.
 */
export function registerFamily<Config extends FamilyConfig>(family: Family<Config>): void {
  const taken = family.modelTypes.find((type) => families.has(type));
  if (taken !== undefined)
    throw new PithError("config", `there is a family of model_type "${taken}" already.`);
  for (const type of family.modelTypes) families.set(type, family);
}

/** Every `model_type` that a family reads. @internal */
export function knownModelTypes(): readonly string[] {
  return [...families.keys()];
}

/**
 * @param raw the object in config.json; @param file its path, for errors.
 * @throws PithError "config" naming the field.
 */
export function parseConfig(raw: RawConfig, file: string): FamilyConfig {
  return familyOf(ownProperty(raw, "model_type"), file, raw).parseConfig(raw, file);
}

function familyOf(modelType: unknown, file: string, raw: RawConfig = {}): Family {
  const family = typeof modelType === "string" ? families.get(modelType) : undefined;
  if (family !== undefined) return family;
  const kind = typeof modelType === "string" ? unreadKind(modelType, raw) : undefined;
  const fault = kind ?? "is not a family that Pith knows";
  throw configError(file, "model_type", `${describeValue(modelType)} ${fault}`, {
    advice: `Known: ${knownModelTypes().join(", ")}.`,
  });
}

/**
 * Describes a checkpoint as a Transformer. Names and shapes of all tensors are checked now, from the headers; a
 * weight's data is read only when the weight is, so the checkpoint must stay open as long as the Transformer is
 * in use. If config.json ties the unembedding to the embedding and both are stored, both are read and compared
 * now.
 * @param onNote gets a sentence for everything that is left out, or read differently from the config.
 * @throws PithError "checkpoint" when a tensor is missing, surplus, or of a shape that config.json doesn't ask
 * for.
 */
export async function readTransformer(
  { config, ...tensors }: CheckpointTensors & { readonly config: FamilyConfig },
  onNote: (note: string) => void = () => {},
): Promise<Transformer> {
  return familyOf(config.modelType, tensors.directory).describe(config, tensors, onNote);
}
