/**
 * A fault in sentences. The server's messages are made to stand after the name of a file or a field ("must be
 * above 0"), and mark commands by backticks; here they become sentences of their own, and commands look like it.
 */
import { alphaOption } from "../../src/discovery/searches/greedy/greedy-options.ts";
import type { Fault } from "../data/api-client.ts";

/** Fields of requests as the page calls them. */
const fieldNames: Readonly<Record<string, string>> = {
  model: "Model",
  prompt: "Prompt",
  "task.name": "Name",
  "task.text": "Examples",
  "options.alpha": alphaOption.label,
  "options.seed": "Seed",
  alphas: "Thresholds",
};

/** "options.alpha" → "Threshold α"; others by their own name. */
function fieldName(field: string): string {
  return fieldNames[field] ?? field;
}

/** With the field's name where the message is said of it, a capital first and a full stop last. */
export function faultSentence({ message, field, line }: Fault): string {
  // In a file it is the file's own word.
  const name =
    field === undefined || field === "" ? undefined : line === undefined ? fieldName(field) : field;
  const said =
    name === undefined
      ? message
      : /^(must|is|are|has|have|holds?|needs?|can't|can|may) /.test(message)
        ? `“${name}” ${message}`
        : `“${name}”: ${message}`;
  return endSentence(said.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase()));
}

function endSentence(text: string): string {
  return /[.!?…:;]["'”’)]*$/.test(text) ? text : `${text}.`;
}

/** Options of the command line as the page has them. */
function inPageWords(text: string): string {
  return text.replace(
    /(pith extract )?--means pooled/g,
    "averages of “one for all positions”, under “More options”",
  );
}

/** Text in which `commands` between backticks are shown as such. */
export function CommandText({ text }: { readonly text: string }) {
  const parts = inPageWords(text).split(/`([^`]+)`/);
  return <>{parts.map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>;
}
