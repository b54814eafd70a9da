/**
 * Checks fields of config.json for the families' files. Limits are far above any real model; they make a damaged
 * file an error instead of an endless loop.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { describeValue, ownProperty } from "../files/json.ts";
import type { Activation } from "../transformer/transformer.ts";

/** config.json as it was parsed. */
export type RawConfig = Readonly<Record<string, unknown>>;

const activations = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
} as const satisfies Record<string, Activation>;

/** Hugging Face's name of an activation. */
export const activationName = z.enum(Object.keys(activations) as (keyof typeof activations)[]);

/** This project's name of it. */
export function activationOf(name: z.infer<typeof activationName>): Activation {
  return activations[name];
}

export const largestSize = 2 ** 24;
/** A whole number from 1. */
export const countUpTo = (largest: number) => z.int().min(1).max(largest);

const tokenId = z.int().min(0);
/** Fields that every family has: the ids of tokens that begin and end a text; null means that there is none. */
export const tokenFields = {
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
};

/**
 * The ids that are in the vocabulary: a model with a small vocabulary often keeps the ids of another model in its
 * file, and a search needs none of them.
 * @param otherwise the value of a missing field.
 */
export function specialTokenIds(
  config: z.infer<z.ZodObject<typeof tokenFields>>,
  vocabularySize: number,
  otherwise?: { readonly bos?: number; readonly eos: number },
): { readonly bosTokenId: number | undefined; readonly eosTokenIds: readonly number[] } {
  const isToken = (id: number) => id < vocabularySize;
  const bos = config.bos_token_id === undefined ? otherwise?.bos : (config.bos_token_id ?? undefined);
  const eos = config.eos_token_id === undefined ? otherwise?.eos : (config.eos_token_id ?? undefined);
  return {
    bosTokenId: bos !== undefined && isToken(bos) ? bos : undefined,
    eosTokenIds: eos === undefined ? [] : [eos].flat().filter(isToken),
  };
}

/**
 * A copy in which aliases are replaced by the family's own names. @throws PithError "config" for a contradiction.
 */
export function withoutAliases(
  raw: RawConfig,
  aliases: readonly (readonly [alias: string, field: string])[],
  file: string,
): RawConfig {
  const result = { ...raw };
  for (const [alias, field] of aliases) {
    const value = ownProperty(raw, alias) ?? undefined;
    if (value === undefined) continue;
    const own = ownProperty(raw, field) ?? undefined;
    if (own !== undefined && own !== value) {
      throw configError(file, alias, `${describeValue(value)} contradicts "${field}", ${describeValue(own)}`);
    }
    result[field] = value;
  }
  return result;
}

/**
 * The checked fields of a family. Python writes None as null for fields that were never set, so null usually
 * counts as missing; for a token's id it means that there is none.
 * @param nullable other fields in which null has a meaning different from a missing field.
 * @param called the family's own names of some of the schema's fields, for errors.
 * @throws PithError "config" that names the field.
 */
export function checkConfig<Schema extends z.ZodType>(
  schema: Schema,
  raw: RawConfig,
  file: string,
  nullable: readonly string[] = [],
  called: Readonly<Record<string, string>> = {},
): z.output<Schema> {
  const aliases = Object.entries(called).map(([field, own]) => [own, field] as const);
  const result = schema.safeParse(withoutNulls(withoutAliases(raw, aliases, file), nullable));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = String(issue?.path[0] ?? "");
  const own = Object.hasOwn(called, field) ? called[field] : undefined;
  const named = own !== undefined && Object.hasOwn(raw, own) ? own : field;
  const found = describeValue(ownProperty(raw, named));
  throw configError(file, named, `is ${found}: ${issue?.message ?? "invalid"}`);
}

function withoutNulls(raw: RawConfig, nullable: readonly string[]): RawConfig {
  const says = (field: string) => field.endsWith("_token_id") || nullable.includes(field);
  return Object.fromEntries(Object.entries(raw).filter(([field, value]) => value !== null || says(field)));
}

export function configError(
  file: string,
  field: string,
  message: string,
  details: { readonly advice?: string } = {},
): PithError {
  return new PithError("config", message, { place: { file, field }, ...details });
}
