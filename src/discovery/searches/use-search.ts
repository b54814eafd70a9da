/**
 * A search together with options that its schema has taken: all that is needed to run it. Searches differ in the
 * types of their options and journal entries; here these types are closed over, so that searches fit in one list.
 */
import type { z } from "zod";
import { PithError } from "../../errors.ts";
import type { StepFault } from "../check-resumed.ts";
import type { Search, SearchInputs, SearchOutcome } from "./search.ts";

/** The options of a search by their names, as circuit.json writes them. */
export type SearchOptionValues = Readonly<Record<string, unknown>>;

/** Opens the journal of a search. */
type OpenSearchJournal = <Entry>(
  schema: z.ZodType<Entry>,
  firstFault: (entries: readonly Entry[]) => StepFault | undefined,
) => Promise<{ readonly resumed: readonly Entry[]; append(entry: Entry): Promise<void> }>;

/** A search of any kind. */
export interface AnySearch extends Pick<Search<object>, "name" | "target"> {
  /** @throws PithError "options" that names the option, by the words of `nameOf`. */
  use(options: SearchOptionValues, nameOf?: (option: string) => string): SearchUse;
}

export interface SearchUse extends Pick<Search<object>, "name" | "target"> {
  /** All options, those that were left out too. */
  readonly options: SearchOptionValues;
  /** What decided, in a few words: "α = 0.02". */
  readonly description: string;
  /** @param openJournal left out: nothing is journaled, and nothing is resumed. */
  run(setting: SearchInputs, openJournal?: OpenSearchJournal): Promise<SearchOutcome>;
}

export function anySearch<Options extends object, Entry>(search: Search<Options, Entry>): AnySearch {
  const { name, target, journal } = search;
  return {
    ...{ name, target },
    use(given, nameOf = (option) => option) {
      const options = checkOptions(search.schema, given, nameOf);
      return {
        ...{ name, target },
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
  const [issue] = result.error.issues;
  const [option] = issue?.path ?? [];
  const message = issue?.message ?? "is malformed";
  if (option === undefined) throw new PithError("options", `${message}.`);
  const value = given[String(option)];
  throw new PithError("options", `is ${String(value)}, but ${message}.`, {
    place: { field: nameOf(String(option)) },
  });
}
