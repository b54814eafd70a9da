/**
 * Examples as turns of a chat: their answers stand where the assistant's turn begins, and are written as the model's
 * template writes an answer there. Inside a text " Paris" carries its space; after "<|im_start|>assistant\n" it is
 * "Paris".
 */
import type { ChatTemplate } from "../tokenizer/chat-template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TaskExample } from "./task-example.ts";

/** @param answerSpace what the template puts before an answer. */
export function chatExample(example: TaskExample, answerSpace: "" | " "): TaskExample {
  const { answers, labels, distractors } = example;
  const inTurn = (texts: readonly string[]) => texts.map((text) => turnText(text, answerSpace));
  return {
    ...example,
    answers: inTurn(answers),
    ...(labels && { labels: inTurn(labels) }),
    ...(distractors && { distractors: inTurn(distractors) }),
  };
}

/** One answer or label as it stands at the beginning of the assistant's turn. */
export function turnText(text: string, answerSpace: "" | " "): string {
  const bare = text.replace(/^ (?=.)/su, "");
  return /^\s/.test(bare) ? bare : `${answerSpace}${bare}`;
}

/**
 * What a chat changes beside the prompts: how answers are written, and a start token that is there already.
 * @param start the token that is to stand before every prompt, if there is one.
 */
export function chatNotes(
  samples: readonly TaskExample[],
  chat: ChatTemplate,
  tokenizer: Pick<Tokenizer, "encode">,
  start: number | undefined,
): readonly string[] {
  const example = samples
    .flatMap(({ answers }) => answers)
    .find((text) => turnText(text, chat.answerSpace) !== text);
  const [first] = samples;
  const written = first && tokenizer.encode(chat.render(first.prompt))[0] === start;
  return [
    ...(example === undefined
      ? []
      : [
          `Answers begin the assistant's turn, as its template writes them: ${JSON.stringify(turnText(example, chat.answerSpace))} for ${JSON.stringify(example)}.`,
        ]),
    ...(start !== undefined && written
      ? ["The chat template writes the start token itself, so none is put before it."]
      : []),
  ];
}
