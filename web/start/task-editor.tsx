/** An editor for examples, with line numbers, and with each fault at its line while the user types. */

import type { ComponentChildren, RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import { EditorGutter } from "./editor-gutter.tsx";
import { FaultLines } from "./fault-lines.tsx";
import { check, checkFault, checking, chooseTask } from "./run-form.ts";
import { type OwnTask, refusalOfFile, taskFormat, taskOfFile } from "./task-of-file.ts";

const exampleLines = [
  ["The capital of France is", " Paris"],
  ["The capital of Italy is", " Rome"],
  ["The capital of Spain is", " Madrid"],
]
  .map(([prompt, answer]) => JSON.stringify({ prompt, answer }))
  .join("\n");

interface EditorProps {
  readonly source: OwnTask;
  readonly onChange: (part: Partial<OwnTask>) => void;
}

export function TaskEditor({ source }: { readonly source: OwnTask }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [refused, setRefused] = useState<string | undefined>(undefined);
  const change = (part: Partial<OwnTask>) => chooseTask({ ...source, ...part });
  const take = async (file: File) => {
    const refusal = refusalOfFile(file);
    setRefused(refusal);
    if (refusal === undefined) change(await taskOfFile(file));
  };
  const onFile = (file: File | undefined) => {
    if (file !== undefined) void take(file);
  };
  const own = { source, onChange: change };
  return (
    <div class="editor-room">
      <EditorHead {...own} onFile={onFile} />
      <DropTarget onFile={onFile}>
        <ExampleText {...own} area={area} />
      </DropTarget>
      <div id="editor-faults" class="editor-faults" aria-live="polite">
        {refused !== undefined && <p class="fault-line">{refused}</p>}
        <Verdict {...own} goTo={(line) => area.current && selectLine(area.current, line)} />
      </div>
    </div>
  );
}

/** Name and format of the task, and a button for a file that replaces them and the text. */
function EditorHead({
  source,
  onChange,
  onFile,
}: EditorProps & { readonly onFile: (file: File | undefined) => void }) {
  return (
    <div class="inline-form">
      <label class="grow">
        <span class="label">Name</span>
        <input
          type="text"
          value={source.name}
          maxLength={80}
          onInput={({ currentTarget }) => onChange({ name: currentTarget.value })}
        />
      </label>
      <label>
        <span class="label">Format</span>
        <select
          value={source.format}
          onChange={({ currentTarget }) =>
            onChange({ format: currentTarget.value === "csv" ? "csv" : "jsonl" })
          }
        >
          <option value="jsonl">JSON Lines</option>
          <option value="csv">CSV</option>
        </select>
      </label>
      <label class="button file-button">
        Open a file…
        <input
          type="file"
          class="visually-hidden"
          accept=".jsonl,.json,.csv,.txt"
          onChange={({ currentTarget }) => onFile(currentTarget.files?.[0])}
        />
      </label>
    </div>
  );
}

function DropTarget(props: {
  readonly onFile: (file: File | undefined) => void;
  readonly children: ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button that opens a file does the same by keyboard
    <div
      class={over ? "editor over" : "editor"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        props.onFile(event.dataTransfer?.files[0]);
      }}
    >
      {props.children}
    </div>
  );
}

function ExampleText({
  source,
  onChange,
  area,
}: EditorProps & { readonly area: RefObject<HTMLTextAreaElement | null> }) {
  const gutter = useRef<HTMLDivElement>(null);
  const faults = faultsOf(source);
  return (
    <>
      <div class="gutter" ref={gutter} aria-hidden="true">
        <EditorGutter
          lines={source.text.split("\n").length}
          faulty={new Set(faults.map(({ line }) => line))}
        />
      </div>
      <textarea
        ref={area}
        value={source.text}
        wrap="off"
        spellcheck={false}
        autocomplete="off"
        rows={9}
        aria-label="Examples, one a line"
        aria-describedby="editor-faults"
        aria-invalid={faults.length > 0}
        placeholder={'{"prompt": "The capital of France is", "answer": " Paris"}'}
        onInput={({ currentTarget }) =>
          onChange({
            text: currentTarget.value,
            // The format is guessed from the first pasted text.
            ...(source.text === "" && { format: taskFormat(currentTarget.value) }),
          })
        }
        onScroll={({ currentTarget }) => {
          if (gutter.current !== null) gutter.current.scrollTop = currentTarget.scrollTop;
        }}
      />
    </>
  );
}

/** The result of the server's check of the examples, or what to do if there are none. */
function Verdict({ source, onChange, goTo }: EditorProps & { readonly goTo: (line: number) => void }) {
  const faults = faultsOf(source);
  if (source.text.trim() === "") {
    return (
      <p class="hint">
        Write one example on each line: a prompt, and the answer that comes next. Most answers begin with a
        space, as the next word of a text does.{" "}
        <button type="button" class="link" onClick={() => onChange({ text: exampleLines, format: "jsonl" })}>
          Insert three examples
        </button>
      </p>
    );
  }
  if (faults.length > 0) return <FaultLines faults={faults} goTo={goTo} />;
  return (
    <p class="hint">
      {checking.value ? "Checking…" : checkFault.value === undefined && check.value && "No faults."}
    </p>
  );
}

function faultsOf({ text }: OwnTask) {
  return text.trim() === "" ? [] : (check.value?.faults ?? []);
}

/** Selects a line, and scrolls it into view with some lines above it. */
function selectLine(area: HTMLTextAreaElement, line: number): void {
  const text = area.value;
  const start = startOfLine(text, line);
  area.focus();
  const end = text.indexOf("\n", start);
  area.setSelectionRange(start, end < 0 ? text.length : end);
  area.scrollTop = Math.max(0, (line - 4) * Number.parseFloat(getComputedStyle(area).lineHeight));
}

function startOfLine(text: string, line: number): number {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  return start;
}
