/** The file of `pith evidence`: where it lies, and reading it back for a report. */
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { PithError } from "../../errors.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { type ComponentRecord, parseRecord } from "../../transformer/component.ts";
import type { CircuitEvidence } from "./evidence-result.ts";

/** DIR-evidence.json, beside the circuit's folder. */
export function evidenceFileOf(directory: string): string {
  const folder = resolve(directory);
  return join(dirname(folder), `${basename(folder)}-evidence.json`);
}

// JSON has no word for NaN, the faithfulness of a model that gains nothing by its parts: there it is null.
const value = z.union([z.number(), z.null().transform(() => Number.NaN)]);
const count = z.int().nonnegative();
const name = z.string().max(4096);
const measured = { size: value, kl: value, accuracy: value, answers: count };
const sufficiency = z.object({ beaten: count, p: value });

const random = z.object({
  ...{ count, seed: z.int(), drawn: z.array(z.object(measured)) },
  ...{ kl: sufficiency, accuracy: sufficiency },
});

const budget = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("growth"), value, maxKl: value.exactOptional() }),
  z.object({ kind: z.literal("kl"), value }),
  z.object({ kind: z.literal("accuracy"), value, maxKl: value.exactOptional() }),
  z.object({ kind: z.literal("none") }),
]);

const minimality = z.object({
  ...{ budget, kl: value, untried: count },
  tried: z.array(
    z
      .object({ layer: count, component: name, kl: value, accuracy: value, removable: z.boolean() })
      .refine((record: ComponentRecord) => parseRecord(record) !== undefined, {
        error: "names no component",
      }),
  ),
});

const curve = z.object({
  ...{ metric: z.enum(["logit-difference", "negative-kl"]), scored: count, none: value, whole: value },
  ...{ cpr: value, cmd: value, logCpr: value, logCmd: value },
  points: z.array(z.object({ ...measured, share: value, count, value, faithfulness: value })),
});

const missing = z.object({ missing: name });
const wording = z.object({
  ...{ ...measured, name, example: z.string().max(100_000), prompts: count },
  original: z.object({ accuracy: value, answers: count }),
});

const evidenceSchema: z.ZodType<CircuitEvidence> = z.object({
  ...{ folder: name, task: name, identity: name },
  ...{ split: z.enum(["test", "validation"]), prompts: count },
  constants: z.object({ kind: z.enum(["fitted", "joint"]), kl: value.exactOptional() }).exactOptional(),
  ...{ circuit: z.object(measured), original: z.object({ accuracy: value, answers: count }) },
  ...{ random, minimality, curve: z.union([curve, missing]) },
  wordings: z.union([z.array(wording), missing]),
});

/** @throws PithError "options" for a file that can't be read, or is not one of `pith evidence`. */
export async function readEvidence(path: string): Promise<CircuitEvidence> {
  const result = evidenceSchema.safeParse(await readJsonObject(path, { code: "options" }));
  if (result.success) return result.data;
  throw new PithError("options", "is not a file that pith evidence wrote.", {
    place: { file: path },
    advice: "Gather it anew: pith evidence DIR.",
  });
}
