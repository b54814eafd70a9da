/**
 * Rotary positions of families in which layers with a window have other angles than those without (Gemma 3, OLMo
 * 3). `rope_parameters` has a set of parameters for each of the two kinds; `rope_scaling`, in older files,
 * applies only to layers without a window.
 */
import { describeValue, isRecord, ownProperty } from "../files/json.ts";
import { configError, type RawConfig } from "./config-fields.ts";
import { type RotaryReading, type RotarySetting, readRotary } from "./rotary-config.ts";

/** The two kinds of layers, with the names of `layer_types`. */
const kinds = ["full_attention", "sliding_attention"] as const;

/** For layers without a window, and for those with one: the field that may give the base, and its default. */
export interface RotaryBases {
  readonly full: { readonly field: string; readonly otherwise: number };
  readonly windowed: { readonly field: string | undefined; readonly otherwise: number };
}

export interface RotaryReadings extends Omit<RotaryReading, "rotary"> {
  readonly full: RotaryReading["rotary"];
  readonly windowed: RotaryReading["rotary"];
}

/** @throws PithError "config" that names the field. */
export function readRotaryByLayer(
  raw: RawConfig,
  file: string,
  setting: RotarySetting,
  bases: RotaryBases,
): RotaryReadings {
  const sets = parameterSets(raw, file);
  const { rope_scaling: scaling, rope_parameters: _, ...rest } = raw;
  const baseOf = (field: string | undefined) => (field === undefined ? undefined : ownProperty(raw, field));
  const read = (
    parameters: RawConfig | undefined,
    { field, otherwise }: RotaryBases["windowed"],
    isScaled: boolean,
  ): RotaryReading => {
    const own = { ...rest, rope_theta: baseOf(field) };
    const scaled = isScaled && isRecord(scaling);
    // If both exist, the older field's values have precedence.
    const both = parameters && { rope_parameters: { ...parameters, ...(scaled && scaling) } };
    const fields = both ?? (isScaled ? { rope_scaling: scaling } : {});
    return readRotary({ ...own, ...fields }, file, { ...setting, defaultBase: otherwise });
  };
  const full = read(sets.full_attention, bases.full, true);
  const windowed = read(sets.sliding_attention, bases.windowed, false);
  return {
    full: full.rotary,
    windowed: windowed.rotary,
    contextLength: Math.min(full.contextLength, windowed.contextLength),
    notes: [...new Set([...full.notes, ...windowed.notes])],
  };
}

function parameterSets(
  raw: RawConfig,
  file: string,
): Partial<Record<(typeof kinds)[number], RawConfig | undefined>> {
  const given = ownProperty(raw, "rope_parameters") ?? {};
  const fault = (field: string, value: unknown, message: string) =>
    configError(file, field, `is ${describeValue(value)}: ${message}`);
  if (!isRecord(given)) throw fault("rope_parameters", given, "not an object");
  const stranger = Object.keys(given).find((name) => !kinds.some((kind) => kind === name));
  if (stranger !== undefined)
    throw fault(`rope_parameters.${stranger}`, given[stranger], `not one of ${kinds.join(", ")}`);
  const setOf = (kind: (typeof kinds)[number]): RawConfig | undefined => {
    const set = ownProperty(given, kind) ?? undefined;
    if (set !== undefined && !isRecord(set)) throw fault(`rope_parameters.${kind}`, set, "not an object");
    return set;
  };
  return { full_attention: setOf("full_attention"), sliding_attention: setOf("sliding_attention") };
}
