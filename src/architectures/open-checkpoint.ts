/** Opens a model's folder (Node), and reads its config as its family defines. */
import { type Checkpoint, openCheckpointWith } from "../checkpoint/checkpoint.ts";
import type { FamilyConfig } from "./family.ts";
import { parseConfig } from "./index.ts";

/** @throws PithError "checkpoint" or "config"; then no file stays open. */
export function openCheckpoint(directory: string): Promise<Checkpoint<FamilyConfig>> {
  return openCheckpointWith(directory, parseConfig);
}
