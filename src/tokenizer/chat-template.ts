/**
 * A model's chat template: what a prompt looks like to a model that was trained on conversations. It is Jinja, and
 * comes with the model, so it is a program of a stranger's: its steps and what it makes are bounded. Variables and
 * settings are those of transformers' `apply_chat_template`. Runs in a browser.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { PithError } from "../errors.ts";
import { printableText, quote } from "../printable.ts";
import { namedTokensByName } from "./declared-tokens.ts";
import { isObject, type JsonObject } from "./json.ts";
import { templateDate } from "./template-date.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

export interface ChatTemplate {
  /** Its text, as the model's files have it. */
  readonly source: string;
  /**
   * What stands between the assistant's turn and its words where the template writes an answer: nothing with most,
   * a space with Llama 2's.
   */
  readonly answerSpace: "" | " ";
  /**
   * The text that the model reads: the user's turn, and the beginning of the assistant's.
   * @param system a system turn's text, before the user's; left out: as the template has it without one.
   * @throws PithError "tokenizer" for a template that fails, refuses the turn, or does not end.
   */
  render(prompt: string, system?: string): string;
}

type Statement = Parameters<Interpreter["evaluate"]>[0];
type Value = ReturnType<Interpreter["evaluate"]>;

/** Real ones have some ten thousand characters. */
const longestTemplate = 2 ** 18;
/** Of one text on the way, in characters. */
const longestText = 2 ** 20;
/** Nodes evaluated, entries of lists gone over, and characters of texts by sixteens. Real templates take hundreds. */
const mostWork = 2 ** 16;
const tooMuch = "it does not come to an end: it computes more than any template needs.";

/**
 * @param files whose tokenizer_config.json has the template; `loadTokenizer` puts there what other files hold.
 * @throws PithError "tokenizer" where there is none, or none that can be used.
 */
export function chatTemplateOf(files: TokenizerFiles): ChatTemplate {
  const config = files["tokenizer_config.json"];
  const source = templateSource(config);
  if (source.length > longestTemplate)
    throw templateError(`it has ${source.length} characters, more than any template.`);
  const program = attempt(() => parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })));
  const names = namedTokensByName(config);
  const renderTurns = (turns: readonly Turn[], begin: boolean): string =>
    attempt(() => {
      const environment = templateEnvironment(names, turns, begin);
      const rendered = new BoundedInterpreter(environment).run(program);
      if (typeof rendered.value !== "string") throw new Error("it gives no text");
      return rendered.value;
    });
  const render = (prompt: string, system?: string) =>
    renderTurns(
      [
        ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
        { role: "user", content: prompt },
      ],
      true,
    );
  return { source, answerSpace: answerSpace(renderTurns), render };
}

interface Turn {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** The default one of several; a list of names and texts is transformers' older manner. */
function templateSource(config: JsonObject): string {
  const given = config["chat_template"] ?? undefined;
  if (typeof given === "string") return given;
  if (given === undefined) {
    throw new PithError(
      "tokenizer",
      "this model has no chat template, so its prompts can't be turns of a chat.",
      {
        place: { file: "tokenizer_config.json", field: "chat_template" },
        advice:
          "Leave --chat out for a model that was not trained on chats, or put its chat_template.jinja beside its tokenizer.",
      },
    );
  }
  const byName = new Map(
    Array.isArray(given)
      ? given.flatMap((one: unknown): [unknown, unknown][] =>
          isObject(one) ? [[one["name"], one["template"]]] : [],
        )
      : Object.entries(isObject(given) ? given : {}),
  );
  const chosen = byName.get("default");
  if (typeof chosen === "string") return chosen;
  throw templateError('there are several, and none of them is called "default".');
}

/** As the model itself was trained: found by a conversation that has the answer already. */
function answerSpace(renderTurns: (turns: readonly Turn[], begin: boolean) => string): "" | " " {
  const asked: Turn = { role: "user", content: "x" };
  try {
    const begun = renderTurns([asked], true);
    const whole = renderTurns([asked, { role: "assistant", content: "answer" }], false);
    return whole.startsWith(`${begun} answer`) ? " " : "";
  } catch (error) {
    // What the template can't do is told when it is used.
    if (error instanceof PithError) return "";
    throw error;
  }
}

function templateEnvironment(
  names: ReadonlyMap<string, string>,
  turns: readonly Turn[],
  begin: boolean,
): Environment {
  const environment = new Environment();
  for (const [name, content] of names) environment.set(name, content);
  for (const [name, value] of [
    ["true", true],
    ["false", false],
    ["none", null],
  ] as const) {
    environment.set(name, value);
    environment.set(`${name.slice(0, 1).toUpperCase()}${name.slice(1)}`, value);
  }
  environment.set("raise_exception", (message: unknown) => {
    throw new Refusal(String(message));
  });
  environment.set("range", boundedRange);
  environment.set("strftime_now", templateDate);
  environment.set(
    "messages",
    turns.map(({ role, content }) => ({ role, content })),
  );
  environment.set("add_generation_prompt", begin);
  environment.set("tools", null);
  environment.set("documents", null);
  return environment;
}

/** What a template says with raise_exception. */
class Refusal extends Error {}

/** A template's program, whose work is counted. Every part of a program passes through `evaluate`. */
class BoundedInterpreter extends Interpreter {
  private work = 0;

  override evaluate(statement: Statement, environment: Environment): Value {
    this.spend(1);
    const found = super.evaluate(statement, environment);
    const { value } = found;
    if (typeof value === "string") {
      if (value.length > longestText) throw new Error(tooMuch);
      this.spend(value.length / 16);
    } else if (Array.isArray(value)) this.spend(value.length);
    else if (value instanceof Map) this.spend(value.size);
    return found;
  }

  private spend(amount: number): void {
    this.work += amount;
    if (this.work > mostWork) throw new Error(tooMuch);
  }
}

function boundedRange(...given: readonly unknown[]): readonly number[] {
  const numbers = given.filter((each) => typeof each === "number");
  const [first = 0, second, step = 1] = numbers;
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.ceil((stop - start) / step);
  if (step === 0 || count > mostWork) throw new Error(tooMuch);
  return Array.from({ length: Math.max(0, count) }, (_, i) => start + i * step);
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PithError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const shown = printableText(reason.slice(0, 200));
    throw templateError(
      error instanceof Refusal ? `it refuses this conversation: ${quote(shown)}.` : `${shown}`,
    );
  }
}

function templateError(what: string): PithError {
  return new PithError("tokenizer", `the model's chat template can't be used: ${what}`, {
    place: { file: "tokenizer_config.json", field: "chat_template" },
    advice: "Leave --chat out, or mend the template.",
  });
}
