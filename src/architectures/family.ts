/**
 * The interface of a model family: functions that read its config.json and its tensors as a `Transformer`. No
 * code after this folder knows families.
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { RawConfig } from "./config-fields.ts";

/** The fields of every family's config. */
export interface FamilyConfig {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** How many layers there are. */
  readonly layers: number;
  /** The longest prompt, in tokens. */
  readonly contextLength: number;
  /** How many tokens there are. */
  readonly vocabularySize: number;
  /** The start token; undefined if the file names none, or one outside the vocabulary. */
  readonly bosTokenId: number | undefined;
  /** The end tokens that are inside the vocabulary. */
  readonly eosTokenIds: readonly number[];
}

/** A checkpoint's folder and tensors, whatever its family. */
export type CheckpointTensors = Pick<Checkpoint<unknown>, "directory" | "weights">;

/** A family of models. Make it known with {@link registerFamily}, and `loadModel` reads its checkpoints. */
export interface Family<Config extends FamilyConfig = FamilyConfig> {
  /** The values of `model_type` in config.json that it reads. */
  readonly modelTypes: readonly string[];
  /**
   * Reads config.json, and refuses by name any field that it does not understand.
   * @param file config.json's path, for errors.
   * @throws PithError "config" that names the field.
   */
  parseConfig(raw: RawConfig, file: string): Config;
  /**
   * Describes the model; a weight's data is read only when the weight is.
   * @param onNote gets a sentence for everything that is left out, or read differently from config.json.
   * @throws PithError "checkpoint" when tensors and config disagree.
   */
  describe(config: Config, tensors: CheckpointTensors, onNote: (note: string) => void): Promise<Transformer>;
}
