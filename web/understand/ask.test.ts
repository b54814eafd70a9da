import { parseHTML } from "linkedom";
import { h, render } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiFailure } from "../data/api-client.ts";
import { later, settled } from "../testing.ts";
import { type Asked, useAsked } from "./ask.ts";

let host: Element;
/** What a component was given, each time it was drawn. */
let seen: Asked<string>[];
let questions: Record<string, ReturnType<typeof later<string>> & { readonly abort: AbortSignal }>;

beforeEach(() => {
  const { document } = parseHTML("<!doctype html><html><body><div></div></body></html>");
  vi.stubGlobal("document", document);
  // Effects run after the frame that draws.
  vi.stubGlobal("requestAnimationFrame", (callback: () => void) => setTimeout(callback, 0));
  vi.stubGlobal("cancelAnimationFrame", clearTimeout);
  host = document.querySelector("div") as Element;
  [seen, questions] = [[], {}];
});
afterEach(() => {
  render(null, host);
  vi.unstubAllGlobals();
});

function Asking({ question }: { readonly question: string | undefined }) {
  seen.push(
    useAsked(question, (abort) => {
      const answer = { ...later<string>(), abort };
      questions[question ?? ""] = answer;
      return answer.promise;
    }),
  );
  return null;
}

async function show(question: string | undefined): Promise<Asked<string> | undefined> {
  render(h(Asking, { question }), host);
  const drawn = seen.at(-1);
  await vi.waitFor(() => expect(question === undefined || questions[question] !== undefined).toBe(true));
  return drawn;
}

async function now(): Promise<Asked<string> | undefined> {
  await settled();
  await settled();
  return seen.at(-1);
}

test("nothing is asked without a key", async () => {
  await show(undefined);
  expect(await now()).toMatchObject({ value: undefined, fault: undefined, waiting: false });
  expect(questions).toEqual({});
});

test("an answer is waited for, and then there", async () => {
  expect(await show("a")).toMatchObject({ value: undefined, waiting: true });
  questions["a"]?.give("answer a");
  expect(await now()).toMatchObject({ value: "answer a", fault: undefined, waiting: false });
});

test("while the next is waited for, the last stays; one that is overtaken is thrown away", async () => {
  await show("a");
  questions["a"]?.give("answer a");
  await now();
  // Already as the new key is drawn: what is held answers the old question.
  expect(await show("b")).toMatchObject({ value: "answer a", waiting: true });
  await show("c");
  expect(questions["b"]?.abort.aborted).toBe(true);
  questions["b"]?.give("answer b");
  expect(await now()).toMatchObject({ value: "answer a", waiting: true });
  questions["c"]?.give("answer c");
  expect(await now()).toMatchObject({ value: "answer c", waiting: false });
});

test("what failed is a fault, and takes the answer before with it", async () => {
  await show("a");
  questions["a"]?.give("answer a");
  await now();
  await show("b");
  questions["b"]?.give(Promise.reject(new ApiFailure({ code: "prompt", message: "no" }, 400)));
  expect(await now()).toMatchObject({ value: undefined, fault: { message: "no" }, waiting: false });
});
