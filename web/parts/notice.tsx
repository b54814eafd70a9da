/** Notices of faults, empty lists and waiting, each with what to do next. */
import type { ComponentChildren } from "preact";
import type { Fault } from "../data/api-client.ts";
import { CommandText, faultSentence } from "./fault-text.tsx";

export function FaultNotice({
  fault,
  children,
}: {
  readonly fault: Fault;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="notice notice-bad" role="alert">
      <p>
        <strong>{faultTitle(fault)}</strong>
      </p>
      <p class="fault-message">
        <CommandText text={faultSentence(fault)} />
      </p>
      {fault.advice !== undefined && fault.advice !== "" && !fault.message.includes(fault.advice) && (
        <p>
          <CommandText text={fault.advice} />
        </p>
      )}
      {children}
    </div>
  );
}

function faultTitle({ code, line }: Fault): string {
  const title = titles[code] ?? "Something went wrong";
  return line === undefined ? title : `${title}: line ${line}`;
}

const titles: Readonly<Record<string, string>> = {
  checkpoint: "The model's weights can't be read",
  config: "The model's config.json can't be read",
  tokenizer: "The tokenizer can't be read",
  task: "The task can't be used",
  options: "An option can't be used",
  circuit: "The circuit can't be read",
  output: "The result can't be written",
  hub: "The hub could not give the model",
  verification: "Circuit and patched model disagree",
  runtime: "The compute engine refused",
  gone: "The server is gone",
  prompt: "The circuit does not take this prompt",
  damaged: "What the studio keeps of this run is damaged",
  run: "The run can't be found",
  state: "The run is not ready for that",
  queue: "No more runs can wait",
  file: "The file can't be found",
  size: "That is too large",
  closing: "The studio is closing",
  bug: "Something in Pith went wrong",
};

export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      {what}
    </p>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
