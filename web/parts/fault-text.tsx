/**
 * Shows a fault as a sentence. The server's messages follow the name of a file or a field ("must be above 0") and
 * mark commands by backticks; here they become complete sentences, and commands are set as code.
 */
import { alphaOption } from "../../src/discovery/searches/greedy/greedy-options.ts";
import type { Fault } from "../data/api-client.ts";

/** The page's names for fields of requests. */
const fieldNames: Readonly<Record<string, string>> = {
  model: "Model",
  prompt: "Prompt",
  "task.name": "Name",
  "task.text": "Examples",
  "options.alpha": alphaOption.label,
  "options.seed": "Seed",
  alphas: "Thresholds",
};

/** "options.alpha" → "Threshold α"; other fields keep their name. */
function fieldName(field: string): string {
  return fieldNames[field] ?? field;
}

/** Begins with the field's name if the message is about it, with a capital, and ends with a full stop. */
export function faultSentence({ message, field, line }: Fault): string {
  // For a field of a file, the file's own name is used.
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

/** Replaces options of the command line by the page's names. */
function inPageWords(text: string): string {
  return text.replace(
    /(pith extract )?--means pooled/g,
    "averages of “one for all positions”, under “More options”",
  );
}

/** Text in which `commands` between backticks are set as code. */
export function CommandText({ text }: { readonly text: string }) {
  const parts = inPageWords(text).split(/`([^`]+)`/);
  return <>{parts.map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>;
}
