/**
 * A search together with checked options, ready to run. Searches differ in the types of their options and journal
 * entries; these types are hidden here, so that all searches fit in one list.
 */
import type { z } from "zod";
import { PithError } from "../../errors.ts";
import type { StepFault } from "../step-fault.ts";
import type { Search, SearchDescription, SearchInputs, SearchOutcome } from "./search.ts";

/** The options of a search by name, as in circuit.json. */
export type SearchOptionValues = Readonly<Record<string, unknown>>;

/** Opens the journal of a search. */
type OpenSearchJournal = <Entry>(
  schema: z.ZodType<Entry>,
  firstFault: (entries: readonly Entry[]) => StepFault | undefined,
) => Promise<{ readonly resumed: readonly Entry[]; append(entry: Entry): Promise<void> }>;

/** A search of any kind. */
export interface AnySearch extends Pick<Search<object>, "name" | "target" | "gates" | "joint"> {
  /** What is wrong with the options, if anything: the place, and a message that follows the option's name. */
  faultIn(options: SearchOptionValues): OptionFault | undefined;
  /** @throws PithError "options" that names the option with the name that `nameOf` gives. */
  use(options: SearchOptionValues, nameOf?: (option: string) => string): SearchUse;
}

interface OptionFault {
  /** The path to the option; empty for a fault of all of them. */
  readonly path: readonly string[];
  readonly message: string;
}

export interface SearchUse extends Pick<Search<object>, "name" | "target" | "gates" | "joint"> {
  /** All options, also those that the user left out. */
  readonly options: SearchOptionValues;
  readonly description: SearchDescription;
  /** @param openJournal left out: there is no journal, and nothing is resumed. */
  run(setting: SearchInputs, openJournal?: OpenSearchJournal): Promise<SearchOutcome>;
}

export function anySearch<Options extends object, Entry>(search: Search<Options, Entry>): AnySearch {
  const { name, target, gates = false, joint = false, journal } = search;
  return {
    ...{ name, target, gates, joint },
    faultIn: (options) => {
      const result = search.schema.safeParse(options);
      return result.success ? undefined : firstFault(result.error);
    },
    use(given, nameOf = (option) => option) {
      const options = checkOptions(search.schema, given, nameOf);
      return {
        ...{ name, target, gates, joint },
        options: Object.fromEntries<unknown>(Object.entries(options)),
        description: search.describe(options),
        async run(setting, openJournal) {
          const opened =
            journal &&
            (await openJournal?.(journal.schema, (entries) => journal.firstFault(setting, options, entries)));
          const onEntry = async (entry: Entry) => opened?.append(entry);
          return search.run({ ...setting, resume: opened?.resumed ?? [], onEntry }, options);
        },
      };
    },
  };
}

function checkOptions<Options>(
  schema: z.ZodType<Options>,
  given: SearchOptionValues,
  nameOf: (option: string) => string,
): Options {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const { path, message } = firstFault(result.error);
  const [option] = path;
  if (option === undefined) throw new PithError("options", `${message}.`);
  throw new PithError("options", `is ${String(given[option])}, but ${message}.`, {
    place: { field: nameOf(option) },
  });
}

function firstFault({ issues: [issue] }: z.ZodError): OptionFault {
  return { path: (issue?.path ?? []).map(String), message: issue?.message ?? "is malformed" };
}
