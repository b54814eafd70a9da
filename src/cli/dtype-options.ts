/** `--dtype`: the number formats that a command writes, or the one that it opens. */
import { Option } from "commander";
import { PithError } from "../errors.ts";
import { type Dtype, dtypes, type NarrowDtype, narrowDtypes } from "../export/dtype.ts";
import { quote } from "../printable.ts";

/** The format that a command opens a circuit's folder in. */
export const openedDtypeOption = () =>
  new Option(
    "--dtype <format>",
    "Which number format to open, where the folder holds several (default: f32)",
  ).choices(dtypes);

/** The formats that a command ships. */
export const shippedDtypesOption = () =>
  new Option(
    "--dtype <list>",
    `The weights' number format: ${dtypes.join(", ")}; several in one folder with commas, f32 among them. What a narrower one costs is measured.`,
  )
    .argParser(parseShipped)
    .default(["f32"], "f32");

/** @throws PithError "options" for an unknown or repeated format, and for several without f32. @internal */
export function parseShipped(text: string): readonly Dtype[] {
  const chosen = parseList(text, dtypes);
  if (chosen.length === 1 || chosen.includes("f32")) return chosen;
  throw new PithError(
    "options",
    `${quote(text)} are several formats without f32, which the others stand beside.`,
    {
      place: { field: "--dtype" },
      advice: `Write f32,${text}.`,
    },
  );
}

/** The main format, and the additional ones. */
export function formatsOf(chosen: readonly Dtype[]): {
  readonly dtype: Dtype;
  readonly formats: readonly NarrowDtype[];
} {
  const [dtype = "f32"] = chosen;
  return { dtype, formats: dtype === "f32" ? narrowDtypes.filter((each) => chosen.includes(each)) : [] };
}

/** @throws PithError "options" for an unknown or repeated format. */
export function parseNarrow(text: string): readonly NarrowDtype[] {
  return parseList(text, narrowDtypes);
}

function parseList<T extends string>(text: string, known: readonly T[]): readonly T[] {
  const parts = text.split(",").map((part) => part.trim());
  const chosen = known.filter((dtype) => parts.includes(dtype));
  if (chosen.length === parts.length) return chosen;
  const stranger = parts.find((part) => !known.some((dtype) => dtype === part));
  throw new PithError(
    "options",
    stranger === undefined ? `${quote(text)} names a format twice.` : `${quote(stranger)} is no format.`,
    { place: { field: "--dtype" }, advice: `Allowed choices are ${known.join(", ")}.` },
  );
}
