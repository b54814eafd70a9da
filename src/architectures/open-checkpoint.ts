/** A model's folder, opened (Node), with its config read as its family does. */
import { type Checkpoint, openCheckpointWith } from "../checkpoint/checkpoint.ts";
import type { FamilyConfig } from "./family.ts";
import { parseConfig } from "./index.ts";

/** @throws PithError "checkpoint" or "config", with no file left open. */
export function openCheckpoint(directory: string): Promise<Checkpoint<FamilyConfig>> {
  return openCheckpointWith(directory, parseConfig);
}
