/** A model with a chat template, from the task to the shipped folder: nano with one beside its tokenizer. */
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AutoTokenizer, env } from "@huggingface/transformers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ggufText, textValue, uint32, uint64 } from "../src/checkpoint/gguf/testing.ts";
import { promptIds } from "../src/export/ask-circuit.ts";
import { extract, loadCircuit, loadModel, type PithEvent, readTask } from "../src/index.ts";
import { runCli } from "./support/run-cli.ts";

const template =
  "{% for m in messages %}{{ m.role + ', ' + m.content + '.\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant, ' }}{% endif %}";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-chat-"));
  await cp("models/nano", join(folder, "chatty"), { recursive: true });
  await writeFile(join(folder, "chatty/chat_template.jinja"), template);
});
afterAll(() => rm(folder, { recursive: true }));

const text = (prompt: string, system?: string) =>
  `${system === undefined ? "" : `system, ${system}.\n`}user, ${prompt}.\nassistant, `;

test("a task file's chat reaches the circuit, and whoever opens its folder", async () => {
  const places = ["garden", "store", "office", "school", "market", "station", "beach", "restaurant"];
  const lines = places.flatMap((place, i) =>
    ["ring", "drink", "bone"].map((thing) => ({
      ...{ prompt: `Who got the ${thing} at the ${place}`, answers: [" the"] },
      ...{ chat: true, system: "Answer", split: ["patching", "validation", "test"][i % 3] },
    })),
  );
  const path = join(folder, "who.jsonl");
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const model = await loadModel(join(folder, "chatty"));
  const notes: string[] = [];
  const onEvent = (event: PithEvent) => event.kind === "note" && notes.push(event.note);
  const task = await readTask(path);
  const { circuit } = await extract(model, task, join(folder, "who"), {
    ...{ means: "pooled", mlps: false, threads: 1, allowWeak: true, onEvent },
  });
  await model.close();
  expect(circuit.task.chat).toEqual({
    template: createHash("sha256").update(template).digest("hex"),
    system: "Answer",
  });
  expect(notes).toContain(
    `Answers begin the assistant's turn, as its template writes them: "the" for " the".`,
  );

  const shipped = await loadCircuit(join(folder, "who"));
  const [{ prompt } = { prompt: "" }] = lines;
  const ids = promptIds(shipped, prompt);
  expect(ids).toEqual(shipped.tokenizer.encode(text(prompt, "Answer")));
  expect(await shipped.predict(prompt, 1)).toHaveLength(1);
  const { splits } = await shipped.evaluate(task);
  expect(splits.test?.accuracy).toBe(circuit.metrics.accuracy.test?.circuit);
  await shipped.close();

  env.allowRemoteModels = false;
  env.localModelPath = folder;
  const tokenizer = await AutoTokenizer.from_pretrained("who");
  const turns = [
    { role: "system", content: "Answer" },
    { role: "user", content: prompt },
  ];
  const options = { add_generation_prompt: true, tokenize: false } as const;
  expect(tokenizer.apply_chat_template(turns, options)).toBe(text(prompt, "Answer"));
});

test("tasks show prints what the model sees of a task file, with its system turn", async () => {
  const lines = ["garden", "store", "office", "school", "market", "beach"].map((place) =>
    JSON.stringify({ prompt: `Who is at the ${place}`, answers: [" the"], chat: true, system: "Answer" }),
  );
  await writeFile(join(folder, "where.jsonl"), lines.join("\n"));
  const shown = await runCli(["tasks", "show", "where.jsonl", "--model", "chatty", "--json"], folder);
  expect(shown).toMatchObject({ code: 0 });
  const { samples, notes, original } = JSON.parse(shown.stdout);
  expect(samples).toHaveLength(5);
  for (const { prompt, boundaries, answers } of samples) {
    expect(boundaries.replaceAll("|", "").replaceAll("\\n", "\n")).toBe(text(prompt, "Answer"));
    expect(answers).toEqual(["the"]);
  }
  expect(notes).toEqual([expect.stringContaining("Answers begin the assistant's turn")]);
  expect(original.prompts).toBe(4);
  // As it stands, it is another prompt.
  const plain = await runCli(["tasks", "show", resolve("models/nano/tasks/ioi.jsonl")], folder);
  expect(plain).toMatchObject({ code: 0, stderr: "" });
  expect(plain.stdout).toMatch(/150 patching, 150 validation, 150 test, of 15 tokens/);
  expect(plain.stdout).not.toContain("serve");
});

test("tasks show prints what the model sees; a model without a template is refused", async () => {
  const shown = await runCli(["tasks", "show", "ioi", "--chat", "--model", "chatty"], folder);
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.stdout).toMatch(/\|use\|r\|,\| T\|hen\|[^→]* to\|\.\|\\n\|as\|s\|ist\|ant\|,\| \| → "\w+"/);
  expect(shown.stdout).toContain("Answers begin the assistant's turn");
  const refused = await runCli(["extract", "--chat", "--out", "never"], folder);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("this model has no chat template");
});

/** A file of ours with one more field in front of its metadata, filled up so that its tensors stay aligned. */
async function withTemplate(gguf: string, template: string): Promise<Uint8Array> {
  const bytes = await readFile(gguf);
  const [fields, alignment] = [16, 32];
  const begin = fields + 8;
  const field = (text: string) => {
    const { type, bytes: value } = textValue(text);
    return Buffer.concat([ggufText("tokenizer.chat_template"), uint32(type), value]);
  };
  const missing = -field(`${template}{##}`).length & (alignment - 1);
  const count = uint64(Number(bytes.readBigUInt64LE(fields)) + 1);
  const added = field(`${template}{#${" ".repeat(missing)}#}`);
  return Buffer.concat([bytes.subarray(0, fields), count, added, bytes.subarray(begin)]);
}

test("a GGUF file's template is put to use from the command line to the circuit", async () => {
  // Written with the few letters that the tiny model has.
  const own =
    "{% for m in messages %}{{ m.role + ', ' + m.content + '.' }}{% endfor %}{% if add_generation_prompt %}{{ ' assistant,' }}{% endif %}";
  await writeFile(join(folder, "tiny.gguf"), await withTemplate("test/gguf/qwen3.gguf", own));
  const names = ["john", "mary", "they"];
  const lines = names.flatMap((name, i) =>
    ["key", "cabinet"].map((thing) => ({
      ...{ prompt: `${name} gave the ${thing}`, answers: [" a"] },
      split: ["patching", "validation", "test"][i],
    })),
  );
  await writeFile(join(folder, "gave.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const asked = ["--task", "gave.jsonl", "--chat", "--model", "tiny.gguf", "--means", "pooled"];
  const made = await runCli(["extract", ...asked, "--allow-weak", "--threads", "1", "--out", "gave"], folder);
  expect(made).toMatchObject({ code: 0 });
  const circuit = await loadCircuit(join(folder, "gave"));
  const template = circuit.tokenizer.files["tokenizer_config.json"]["chat_template"];
  expect(String(template).startsWith(own)).toBe(true);
  expect(circuit.circuit.task.chat?.template).toBe(
    createHash("sha256").update(String(template)).digest("hex"),
  );
  const ids = circuit.tokenizer.encode("user, john gave the key. assistant,");
  expect(promptIds(circuit, "john gave the key")).toEqual(ids);
  expect(await circuit.predict("john gave the key", 1)).toHaveLength(1);
  await circuit.close();
});

test("a file whose lines differ, or whose system turn has no chat, is refused with its line", async () => {
  const path = join(folder, "mixed.jsonl");
  const line = (more: object) => `${JSON.stringify({ prompt: "a", answer: " b", ...more })}\n`;
  await writeFile(path, line({ chat: true }) + line({}));
  await expect(readTask(path)).rejects.toThrow(/mixed\.jsonl:2.*is no turn of a chat, other than line 1/);
  await writeFile(path, line({ chat: false, system: "x" }));
  await expect(readTask(path)).rejects.toThrow('a "system" text without a chat');
  const csv = join(folder, "chat.csv");
  await writeFile(csv, "prompt,answer,chat,system\nWho, b,true,Be brief\n");
  expect(await readTask(csv)).toMatchObject({ chat: true, examples: [{ chat: true, system: "Be brief" }] });
});
