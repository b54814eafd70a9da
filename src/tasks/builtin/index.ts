/** The built-in tasks by name. */
import { PithError } from "../../errors.ts";
import { quote } from "../../printable.ts";
import { type AcronymOptions, acronymTask } from "./acronyms.ts";
import { agreementTask } from "./agreement.ts";
import type {
  BuiltinTask,
  BuiltinTaskName,
  BuiltinTaskOptions,
  VocabularyTokenizer,
} from "./builtin-task.ts";
import { capitalTask } from "./capitals.ts";
import { docstringTask } from "./docstring.ts";
import { type GreaterThanOptions, greaterThanTask } from "./greater-than.ts";
import { inductionTask } from "./induction.ts";
import { type IoiOptions, ioiTask } from "./ioi.ts";
import { pronounTask } from "./pronouns.ts";

/** The entry of a built-in task in a list, which needs no model. */
export interface BuiltinTaskEntry {
  /** The name by which {@link readTask} makes it. */
  readonly name: BuiltinTaskName;
  /** A short description. */
  readonly title: string;
  /** A prompt, and an answer to it. */
  readonly example: readonly [prompt: string, answer: string];
  /** Its publication. */
  readonly source: string;
}

/** The tasks that come with Pith. */
export const BUILTIN_TASKS: readonly BuiltinTaskEntry[] = [
  {
    name: "ioi",
    title: "indirect object identification",
    example: ["Then, John and Mary went to the store. John gave a ring to", " Mary"],
    source: "Wang et al. 2023, arXiv:2211.00593",
  },
  {
    name: "greater-than",
    title: "a later year",
    example: ["The treaty lasted from the year 1732 to 17", "33"],
    source: "Hanna, Liu and Variengien 2023, arXiv:2305.00586",
  },
  {
    name: "acronyms",
    title: "a letter of a three-letter acronym",
    example: ["The Calf Jockey Yurt (CJ", "Y"],
    source: "García-Carrasco, Maté and Trujillo 2024, arXiv:2405.04156",
  },
  {
    name: "induction",
    title: "the next of random words that repeat",
    example: [" tree cold walk … stone red mind … stone red", " mind"],
    source: "Olsson et al. 2022, arXiv:2209.11895",
  },
  {
    name: "docstring",
    title: "the next argument in a Python docstring",
    example: ["def port(self, …, load, size, files, last): … :param load: … :param size: … :param", " files"],
    source: "Heimersheim and Janiak 2023, alignmentforum.org/posts/u6KXXmKFbXfWzoAXn",
  },
  {
    name: "agreement",
    title: "a verb that agrees with its subject",
    example: ["The keys near the cabinet", " are"],
    source: "Linzen, Dupoux and Goldberg 2016, arXiv:1611.01368; Marvin and Linzen 2018, arXiv:1808.09031",
  },
  {
    name: "pronouns",
    title: "he or she, by a first name",
    example: ["So Mary is a really good cook, isn't", " she"],
    source: "Mathwin and Corlouer 2023, apartresearch.com",
  },
  {
    name: "capitals",
    title: "a country's capital",
    example: ["The capital of France is", " Paris"],
    source: "Hernandez et al. 2024, arXiv:2308.09124",
  },
];

/** Whether a name is a built-in task's; a file of that name can be given as "./ioi". */
export function isBuiltinTask(name: string): name is BuiltinTaskName {
  return BUILTIN_TASKS.some((task) => task.name === name);
}

/** Every option of every task; a task uses only its own. */
export interface AnyTaskOptions
  extends BuiltinTaskOptions,
    Pick<IoiOptions, "templates" | "orders">,
    Pick<AcronymOptions, "letter">,
    Pick<GreaterThanOptions, "nouns" | "digit"> {}

/**
 * A built-in task with its own word lists.
 * @throws PithError "options" for an unknown name; "task" when the tokenizer leaves too few words.
 */
export function buildTask(
  name: string,
  tokenizer: VocabularyTokenizer,
  options: AnyTaskOptions = {},
): BuiltinTask {
  switch (name) {
    case "ioi":
      return ioiTask(tokenizer, options);
    case "greater-than":
      return greaterThanTask(tokenizer, options);
    case "acronyms":
      return acronymTask(tokenizer, options);
    case "induction":
      return inductionTask(tokenizer, options);
    case "docstring":
      return docstringTask(tokenizer, options);
    case "agreement":
      return agreementTask(tokenizer, options);
    case "pronouns":
      return pronounTask(tokenizer, options);
    case "capitals":
      return capitalTask(tokenizer, options);
    default:
      throw new PithError("options", `there is no built-in task ${quote(name)}.`, {
        advice: `Choose ${BUILTIN_TASKS.map((task) => task.name).join(", ")}, or give a task file.`,
      });
  }
}
