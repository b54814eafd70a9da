/** Examples as text, with line numbers, and each fault at its line as it is typed. */
import { useRef, useState } from "preact/hooks";
import { formatBytes } from "../../src/report/format.ts";
import type { TaskSource } from "../../src/server/api.ts";
import type { Fault } from "../data/api-client.ts";
import { CommandText, faultSentence } from "../parts/fault-text.tsx";
import { check, checkFault, checking, chooseTask } from "./run-form.ts";

type OwnTask = Extract<TaskSource, { kind: "text" }>;

/** What the server takes of any request, less what stands around the text. */
const largestText = 7 * 2 ** 20;
/** Fault lines shown at once. */
const mostFaults = 8;

const exampleLines = [
  ["The capital of France is", " Paris"],
  ["The capital of Italy is", " Rome"],
  ["The capital of Spain is", " Madrid"],
]
  .map(([prompt, answer]) => JSON.stringify({ prompt, answer }))
  .join("\n");

export function TaskEditor({ source }: { readonly source: OwnTask }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(false);
  const [refused, setRefused] = useState<string | undefined>(undefined);
  const change = (part: Partial<OwnTask>) => chooseTask({ ...source, ...part });
  const faults = source.text.trim() === "" ? [] : (check.value?.faults ?? []);
  const faulty = new Set(faults.map(({ line }) => line));

  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > largestText) {
      setRefused(
        `${file.name} has ${formatBytes(file.size)}; the studio takes up to ${formatBytes(largestText)}.`,
      );
      return;
    }
    setRefused(undefined);
    const text = await file.text();
    const name = file.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N} _-]+/gu, "-") || "my task";
    change({ text, name: name.slice(0, 80), format: formatOf(text, file.name) });
  };
  const goTo = (line: number) => {
    const element = area.current;
    if (element === null) return;
    const start = startOfLine(source.text, line);
    element.focus();
    const end = source.text.indexOf("\n", start);
    element.setSelectionRange(start, end < 0 ? source.text.length : end);
    element.scrollTop = Math.max(0, (line - 4) * Number.parseFloat(getComputedStyle(element).lineHeight));
  };
  const lines = source.text.split("\n").length;
  return (
    <div class="editor-room">
      <div class="inline-form">
        <label class="grow">
          <span class="label">Name</span>
          <input
            type="text"
            value={source.name}
            maxLength={80}
            onInput={({ currentTarget }) => change({ name: currentTarget.value })}
          />
        </label>
        <label>
          <span class="label">Format</span>
          <select
            value={source.format}
            onChange={({ currentTarget }) =>
              change({ format: currentTarget.value === "csv" ? "csv" : "jsonl" })
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
            onChange={({ currentTarget }) => void take(currentTarget.files?.[0])}
          />
        </label>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button above does the same by keyboard */}
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
          void take(event.dataTransfer?.files[0]);
        }}
      >
        <div class="gutter" ref={gutter} aria-hidden="true">
          <Gutter lines={lines} faulty={faulty} />
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
            change({
              text: currentTarget.value,
              // A first paste says what it is.
              ...(source.text === "" && { format: formatOf(currentTarget.value, "") }),
            })
          }
          onScroll={({ currentTarget }) => {
            if (gutter.current !== null) gutter.current.scrollTop = currentTarget.scrollTop;
          }}
        />
      </div>
      <div id="editor-faults" class="editor-faults" aria-live="polite">
        {refused !== undefined && <p class="fault-line">{refused}</p>}
        {source.text.trim() === "" ? (
          <p class="hint">
            Write one example on each line: a prompt, and the answer that comes next. Most answers begin with
            a space, as the next word of a text does.{" "}
            <button
              type="button"
              class="link"
              onClick={() => change({ text: exampleLines, format: "jsonl" })}
            >
              Insert three examples
            </button>
          </p>
        ) : faults.length > 0 ? (
          <FaultLines faults={faults} goTo={goTo} />
        ) : (
          <p class="hint">
            {checking.value ? "Checking…" : checkFault.value === undefined && check.value && "No faults."}
          </p>
        )}
      </div>
    </div>
  );
}

function FaultLines({
  faults,
  goTo,
}: {
  readonly faults: readonly Fault[];
  readonly goTo: (line: number) => void;
}) {
  return (
    <ul class="plain">
      {faults.slice(0, mostFaults).map((fault) => {
        const { line, message, advice } = fault;
        return (
          <li class="fault-line" key={`${line} ${message}`}>
            {line !== undefined && (
              <button type="button" class="link" onClick={() => goTo(line)}>
                Line {line}
              </button>
            )}{" "}
            <CommandText text={faultSentence(fault)} />
            {advice !== undefined && advice !== "" && !message.includes(advice) && (
              <>
                {" "}
                <CommandText text={advice} />
              </>
            )}
          </li>
        );
      })}
      {faults.length > mostFaults && <li class="hint">and {faults.length - mostFaults} more</li>}
    </ul>
  );
}

/** Numbers as one text: a file of ten thousand lines is no ten thousand elements; faults are drawn over it. */
function Gutter({
  lines,
  faulty,
}: {
  readonly lines: number;
  readonly faulty: ReadonlySet<number | undefined>;
}) {
  const numbers = Array.from({ length: lines }, (_, index) =>
    faulty.has(index + 1) ? `▸ ${index + 1}` : String(index + 1),
  );
  // Runs of lines that are alike are one element each.
  const runs: { readonly bad: boolean; readonly from: number; to: number }[] = [];
  for (let index = 0; index < lines; index++) {
    const bad = faulty.has(index + 1);
    const last = runs.at(-1);
    if (last?.bad === bad) last.to = index + 1;
    else runs.push({ bad, from: index, to: index + 1 });
  }
  return (
    <>
      {runs.map(({ bad, from, to }) => (
        <span key={from} class={bad ? "bad" : undefined}>
          {`${numbers.slice(from, to).join("\n")}\n`}
        </span>
      ))}
    </>
  );
}

function formatOf(text: string, fileName: string): OwnTask["format"] {
  if (/\.csv$/i.test(fileName)) return "csv";
  if (/\.jsonl?$/i.test(fileName)) return "jsonl";
  return text.trimStart().startsWith("{") ? "jsonl" : "csv";
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
