/**
 * What a family of models is to Pith: how its config.json and its tensors are read as a `Transformer`. Nothing after
 * this folder knows families.
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { RawConfig } from "./config-fields.ts";

/** What every family's config says. */
export interface FamilyConfig {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** How many layers there are. */
  readonly layers: number;
  /** The longest prompt, in tokens. */
  readonly contextLength: number;
  /** How many tokens there are. */
  readonly vocabularySize: number;
  /** The start token; undefined where the file names none, or one outside the vocabulary. */
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
   * Reads config.json, and refuses by name what is not understood.
   * @param file config.json's path, for errors.
   * @throws PithError "config" that names the field.
   */
  parseConfig(raw: RawConfig, file: string): Config;
  /**
   * Describes the model; data is read when a weight is.
   * @param onNote told, in a sentence, what is left out, or read otherwise than config.json says.
   * @throws PithError "checkpoint" when tensors and config disagree.
   */
  describe(config: Config, tensors: CheckpointTensors, onNote: (note: string) => void): Promise<Transformer>;
}
