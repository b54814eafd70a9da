import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PithError } from "../errors.ts";
import { chatTemplateOf } from "./chat-template.ts";
import { templateDate } from "./template-date.ts";

const golden = z
  .object({
    templates: z.array(
      z.object({
        model: z.string(),
        names: z.record(z.string(), z.string()),
        template: z.string(),
        cases: z.array(
          z.object({
            prompt: z.string(),
            system: z.string().optional(),
            rendered: z.string().optional(),
            refused: z.string().optional(),
          }),
        ),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync("test/golden/chat-templates.json", "utf8")));

const templateOf = (config: Readonly<Record<string, unknown>>) =>
  chatTemplateOf({ "tokenizer.json": {}, "tokenizer_config.json": config });
const rendered = (template: string, prompt = "Hi") => templateOf({ chat_template: template }).render(prompt);

describe.each(golden.templates)(
  "$model's template, as transformers renders it",
  ({ names, template, cases }) => {
    const chat = templateOf({ ...names, chat_template: template });
    test.each(cases)("$prompt", ({ prompt, system, rendered: wanted, refused }) => {
      if (wanted !== undefined) expect(chat.render(prompt, system)).toBe(wanted);
      else expect(() => chat.render(prompt, system)).toThrow(`it refuses this conversation: "${refused}"`);
      expect(chat.answerSpace).toBe("");
    });
  },
);

test("names may be objects; what has no name is nothing", () => {
  const config = {
    bos_token: { content: "<s>", special: true },
    chat_template: "{{ bos_token }}{{ eos_token }}{% for m in messages %}{{ m.content }}{% endfor %}",
  };
  expect(templateOf(config).render("Hi")).toBe("<s>Hi");
});

test("a template that writes a space before an answer has answers with theirs", () => {
  const llama2 =
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}{{ ' ' + m.content }}{% endif %}{% endfor %}";
  expect(templateOf({ chat_template: llama2 }).answerSpace).toBe(" ");
});

test("of several templates the default one counts", () => {
  const list = [
    { name: "tool_use", template: "tools" },
    { name: "default", template: "default" },
  ];
  expect(templateOf({ chat_template: list }).render("Hi")).toBe("default");
  expect(templateOf({ chat_template: { rag: "rag", default: "other" } }).render("Hi")).toBe("other");
  expect(() => templateOf({ chat_template: { rag: "rag" } })).toThrow('none of them is called "default"');
});

test("the date is the same every day", () => {
  expect(rendered('{{ strftime_now("%d %b %Y") }}')).toBe("26 Jul 2024");
  expect(templateDate("%A, %B %d %y %H:%M:%S %%")).toBe("Friday, July 26 24 00:00:00 %");
  expect(() => rendered('{{ strftime_now("%Q") }}')).toThrow("strftime_now does not know %Q");
});

test("no template is refused with what to do", () => {
  for (const config of [{}, { chat_template: null }]) {
    expect(() => templateOf(config)).toThrow(
      "this model has no chat template, so its prompts can't be turns of a chat. Leave --chat out",
    );
  }
});

const doubling = `{% set ns = namespace(s="aaaaaaaa") %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}`;
const many =
  "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}x{% endfor %}{% endfor %}{% endfor %}";
const empty =
  "{% set r = range(1000) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}";
test.each([
  ["a loop over a loop over a loop", many, "does not come to an end"],
  ["the same with nothing in it", empty, "does not come to an end"],
  ["a text that doubles", doubling, "does not come to an end"],
  [
    "a range of a thousand million",
    "{% for a in range(1000000000) %}{% endfor %}",
    "does not come to an end",
  ],
  ["a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "can't be used"],
  ["brackets in brackets", `{{ ${"(".repeat(20_000)}1${")".repeat(20_000)} }}`, "can't be used"],
  ["a wide indent", '{{ "a\\nb" | indent(900000000) }}', "can't be used"],
  [
    "what it says itself",
    '{{ raise_exception("no \u001b[31m users") }}',
    'it refuses this conversation: "no',
  ],
  ["a block that is not closed", "{% if %}", "can't be used"],
  ["a filter that there isn't", "{{ messages | nothing }}", "can't be used"],
  ["a call of nothing", "{{ nothing() }}", "can't be used"],
  ["a megabyte", "x".repeat(2 ** 20), "1048576 characters"],
])("a hostile template ends in an error: %s", (_, template, message) => {
  expect(() => rendered(template)).toThrow(PithError);
  expect(() => rendered(template)).toThrow(message);
  try {
    rendered(template);
  } catch (error) {
    expect(String(error)).not.toContain("\u001b");
  }
});
