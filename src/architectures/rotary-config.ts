/**
 * Reads rotary positions from config.json, in the form of transformers 4 (`rope_theta`, `rope_scaling`,
 * `partial_rotary_factor`) and of 5 (`rope_parameters`). If several fields say the same thing, transformers'
 * precedence is used; its formulas (`modeling_rope_utils.py`) are computed in float64.
 */
import { z } from "zod";
import { describeValue, isRecord, ownProperty } from "../files/json.ts";
import type { Rotary } from "../transformer/transformer.ts";
import { configError, countUpTo, largestSize, type RawConfig } from "./config-fields.ts";

/** What a family knows in addition to the fields. */
export interface RotarySetting {
  readonly headWidth: number;
  /** `max_position_embeddings`. */
  readonly contextLength: number;
  /** Left out: "halves". */
  readonly pairs?: Rotary["pairs"];
  /** The base if config.json names none; left out: 10,000. */
  readonly defaultBase?: number;
  /**
   * The share of a head that is rotated if config.json says nothing; left out: the family rotates whole heads
   * only.
   */
  readonly share?: number;
  /** Types that have another meaning in this family. */
  readonly renamedTypes?: Readonly<Record<string, RotaryType>>;
}

export interface RotaryReading {
  readonly rotary: Rotary;
  /** The longest prompt for which these angles are valid. */
  readonly contextLength: number;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

const factor = z.number().positive().max(1e6);
const small = z.number().positive().max(1e6);

/** All fields of all types; those of other types are ignored, as transformers does. */
const schema = z.strictObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().min(1).max(1e12).optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  factor: factor.optional(),
  original_max_position_embeddings: countUpTo(largestSize).optional(),
  attention_factor: small.optional(),
  beta_fast: small.optional(),
  beta_slow: small.optional(),
  mscale: z.number().min(0).max(1e6).optional(),
  mscale_all_dim: z.number().min(0).max(1e6).optional(),
  truncate: z.boolean().optional(),
  low_freq_factor: small.optional(),
  high_freq_factor: small.optional(),
  short_factor: z.array(small).max(largestSize).optional(),
  long_factor: z.array(small).max(largestSize).optional(),
  /** Only says where the numbers come from. */
  finetuned: z.boolean().optional(),
});

type Parameters = z.infer<typeof schema>;

/** One set of parameters, with the name of its field for errors. */
interface Source {
  readonly field: string;
  readonly parameters: Parameters;
  readonly file: string;
}

/** @throws PithError "config" that names the field, for an unknown type or a missing number. */
export function readRotary(raw: RawConfig, file: string, setting: RotarySetting): RotaryReading {
  const field = isFilled(ownProperty(raw, "rope_scaling")) ? "rope_scaling" : "rope_parameters";
  const own = parseParameters(ownProperty(raw, field) ?? {}, field, file);
  const outer = parseParameters(
    Object.fromEntries(
      ["rope_theta", "partial_rotary_factor"].map((name) => [name, ownProperty(raw, name) ?? null]),
    ),
    undefined,
    file,
  );
  return rotaryOf({ field, file, parameters: { ...outer, ...own } }, raw, setting);
}

function isFilled(value: unknown): boolean {
  return value !== undefined && value !== null && !(isRecord(value) && Object.keys(value).length === 0);
}

function parseParameters(value: unknown, field: string | undefined, file: string): Parameters {
  if (!isRecord(value)) throw configError(file, field ?? "", `is ${describeValue(value)}: not an object`);
  const given = Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = String(issue?.code === "unrecognized_keys" ? issue.keys[0] : (issue?.path[0] ?? ""));
  const place = field === undefined ? name : `${field}.${name}`;
  const message = issue?.code === "unrecognized_keys" ? "not a field that Pith knows" : issue?.message;
  throw configError(file, place, `is ${describeValue(given[name])}: ${message ?? "invalid"}`);
}

function rotaryOf(source: Source, raw: RawConfig, setting: RotarySetting): RotaryReading {
  const { parameters, file, field } = source;
  const { headWidth, contextLength, pairs = "halves" } = setting;
  const share = parameters.partial_rotary_factor ?? setting.share ?? 1;
  if (setting.share === undefined && share !== 1)
    throw configError(file, "partial_rotary_factor", `is ${share}: this family turns whole heads`);
  const width = Math.floor(headWidth * share);
  if (width < 2 || width % 2 !== 0)
    throw configError(file, field, `${width} of a head's ${headWidth} elements can't turn in pairs`);
  const base = parameters.rope_theta ?? setting.defaultBase ?? 10_000;
  const plain = Array.from({ length: width / 2 }, (_, pair) => base ** ((-2 * pair) / width));
  const type = parameters.rope_type ?? parameters.type ?? "default";
  const renamed = new Map(Object.entries(setting.renamedTypes ?? {})).get(type) ?? type;
  const kind = isRotaryType(renamed) ? renamed : undefined;
  if (kind === undefined)
    throw configError(file, `${field}.rope_type`, `is ${describeValue(type)}: not one that Pith knows`, {
      advice: `Known: ${rotaryTypes.join(", ")}.`,
    });
  const original = originalLength(parameters, raw, contextLength, file);
  const angles: Angles = angleTypes[kind]({ ...source, base, width, plain, contextLength, original });
  if (!angles.frequencies.every(Number.isFinite) || !Number.isFinite(angles.scale ?? 1))
    throw configError(file, field, "gives angles that are not finite");
  const { frequencies, scale = 1, longest = contextLength, notes = [] } = angles;
  return {
    rotary: { width, pairs, frequencies, ...(scale !== 1 && { scale }) },
    contextLength: longest,
    notes,
  };
}

/** Phi-3 writes it beside the parameters, and that value has precedence. */
function originalLength(parameters: Parameters, raw: RawConfig, contextLength: number, file: string): number {
  const beside = ownProperty(raw, "original_max_position_embeddings") ?? undefined;
  if (beside === undefined) return parameters.original_max_position_embeddings ?? contextLength;
  const result = countUpTo(largestSize).safeParse(beside);
  if (result.success) return result.data;
  throw configError(file, "original_max_position_embeddings", `is ${describeValue(beside)}: not a length`);
}

interface AngleInput extends Source {
  readonly base: number;
  readonly width: number;
  /** The angles without scaling. */
  readonly plain: readonly number[];
  readonly contextLength: number;
  /** The context length before it was extended. */
  readonly original: number;
}

interface Angles {
  readonly frequencies: readonly number[];
  readonly scale?: number;
  readonly longest?: number;
  readonly notes?: readonly string[];
}

const angleTypes = {
  default: ({ plain }) => ({ frequencies: plain }),
  linear: (input) => {
    const by = needed(input, "factor");
    return { frequencies: input.plain.map((frequency) => frequency / by) };
  },
  dynamic: (input) => {
    needed(input, "factor");
    const note = `${input.field}: "dynamic" turns as without scaling up to ${input.contextLength} tokens, and Pith reads no longer prompts.`;
    return { frequencies: input.plain, notes: [note] };
  },
  llama3: llama3Angles,
  yarn: yarnAngles,
  longrope: longropeAngles,
} as const satisfies Record<string, (input: AngleInput) => Angles>;

type RotaryType = keyof typeof angleTypes;
const rotaryTypes = Object.keys(angleTypes) as readonly RotaryType[];
const isRotaryType = (type: string): type is RotaryType => Object.hasOwn(angleTypes, type);

function needed<Name extends keyof Parameters>(
  { parameters, field, file }: Source,
  name: Name,
): NonNullable<Parameters[Name]> {
  const value = parameters[name];
  if (value === undefined || value === null) throw configError(file, `${field}.${name}`, "is missing");
  return value;
}

/**
 * Llama 3's scaling: long waves are divided by the factor, short ones stay, and those between are interpolated.
 */
function llama3Angles(input: AngleInput): Angles {
  const { plain, original } = input;
  const by = needed(input, "factor");
  const [low, high] = [needed(input, "low_freq_factor"), needed(input, "high_freq_factor")];
  const frequencies = plain.map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI);
    if (turns < low) return frequency / by;
    if (turns > high) return frequency;
    const smooth = (turns - low) / (high - low);
    return ((1 - smooth) * frequency) / by + smooth * frequency;
  });
  return { frequencies };
}

/** YaRN (Peng et al. 2023, arXiv:2309.00071). */
function yarnAngles(input: AngleInput): Angles {
  const { parameters, plain, base, width, original, contextLength } = input;
  const by = parameters.factor ?? contextLength / original;
  const dimension = (turns: number) =>
    (width * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const whole = parameters.truncate ?? true;
  const [first, last] = [dimension(parameters.beta_fast ?? 32), dimension(parameters.beta_slow ?? 1)];
  const low = Math.max(whole ? Math.floor(first) : first, 0);
  const high = Math.min(whole ? Math.ceil(last) : last, width - 1);
  const span = low === high ? 0.001 : high - low;
  const frequencies = plain.map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - low) / span));
    return (frequency / by) * ramp + frequency * (1 - ramp);
  });
  return { frequencies, scale: parameters.attention_factor ?? yarnScale(by, parameters) };
}

function yarnScale(by: number, { mscale, mscale_all_dim: allDimensions }: Parameters): number {
  const grown = (weight: number) => (by <= 1 ? 1 : 0.1 * weight * Math.log(by) + 1);
  return mscale && allDimensions ? grown(mscale) / grown(allDimensions) : grown(1);
}

/**
 * LongRoPE (Ding et al. 2024, arXiv:2402.13753). It has other angles for prompts beyond the original length,
 * which are not read here.
 */
function longropeAngles(input: AngleInput): Angles {
  const { parameters, plain, original, contextLength, field, file } = input;
  const short = needed(input, "short_factor");
  if (short.length !== plain.length)
    throw configError(
      file,
      `${field}.short_factor`,
      `has ${short.length} numbers; ${plain.length} pairs turn`,
    );
  const by = parameters.factor ?? contextLength / original;
  const grown = by <= 1 ? 1 : Math.sqrt(1 + Math.log(by) / Math.log(original));
  const longest = Math.min(original, contextLength);
  const note = `${field}: "longrope" has other angles beyond ${longest} tokens; Pith reads prompts up to there.`;
  return {
    frequencies: plain.map((frequency, pair) => frequency / (short[pair] ?? 1)),
    scale: parameters.attention_factor ?? grown,
    longest,
    notes: longest < contextLength ? [note] : [],
  };
}
