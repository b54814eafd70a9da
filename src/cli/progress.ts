/**
 * Shows progress on stderr: on a terminal a block that is redrawn, elsewhere a line every few seconds.
 * `report/terminal-progress.ts` makes the text.
 */
import { writeSync } from "node:fs";
import type { OnEvent, PithEvent } from "../jobs/events.ts";
import { printableText } from "../printable.ts";
import { preflightNotes } from "../report/terminal-preflight.ts";
import {
  advance,
  noProgress,
  type ProgressState,
  progressBlock,
  progressLine,
} from "../report/terminal-progress.ts";
import { canRedraw, drawSafely, printNote } from "./streams.ts";

export interface ProgressView {
  readonly onEvent: OnEvent;
  /** Shows that the work was asked to stop. */
  readonly stopping: () => void;
  /** Removes the block and restores the cursor. Nothing is drawn afterwards. */
  readonly finish: () => void;
}

const FRAME_MS = 100;
/** Work that ends sooner shows no progress. */
const PATIENCE_MS = 400;
const LINE_EVERY_MS = 3000;

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[0J";

/** `PITH_PROGRESS=off` turns progress off, but no other messages. */
export function showProgress(stream: NodeJS.WriteStream = process.stderr): ProgressView {
  if (process.env["PITH_PROGRESS"] === "off") return written(stream, Number.POSITIVE_INFINITY);
  return canRedraw(stream) ? redrawn(stream) : written(stream, LINE_EVERY_MS);
}

/** The text of an event that should stay on the screen after the work. */
function lastingNotes(event: PithEvent): readonly string[] {
  if (event.kind === "note") return [`note: ${event.note}`];
  return event.kind === "preflight" ? preflightNotes(event.preflight) : [];
}

function redrawn(stream: NodeJS.WriteStream): ProgressView {
  const started = performance.now();
  let state: ProgressState = noProgress;
  let isStopping = false;
  let drawnLines = 0;
  let changed = false;
  let ended = false;

  const above = () => (drawnLines === 0 ? "\r" : `\u001b[${drawnLines}F`);
  const draw = () => {
    const now = performance.now();
    if (ended || now - started < PATIENCE_MS || (!changed && drawnLines === 0)) return;
    changed = false;
    const block = drawSafely(stream, (style) =>
      progressBlock(state, style, now, stream.rows ?? 24).join("\n"),
    ).split("\n");
    const lines = isStopping ? [...block.slice(0, -1), " stopping; Ctrl-C again kills"] : block;
    stream.write(`${drawnLines === 0 ? HIDE_CURSOR : ""}${above()}${CLEAR_BELOW}${lines.join("\n")}\n`);
    drawnLines = lines.length;
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  /** Removes the block, so that the next text stays on the screen. */
  const clear = () => {
    if (drawnLines > 0) stream.write(`${above()}${CLEAR_BELOW}${SHOW_CURSOR}`);
    drawnLines = 0;
  };
  return {
    onEvent(event) {
      state = advance(state, event, performance.now());
      changed = true;
      const lasting = lastingNotes(event);
      if (lasting.length === 0) return;
      clear();
      for (const note of lasting) printNote(note);
    },
    stopping() {
      isStopping = true;
      draw();
    },
    finish() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      // Written synchronously, before anything that waits in the stream: the process may be about to be killed.
      if (drawnLines > 0) writeSync(2, `${above()}${CLEAR_BELOW}${SHOW_CURSOR}`);
    },
  };
}

function written(stream: NodeJS.WriteStream, lineEveryMs: number): ProgressView {
  let last = performance.now();
  let state: ProgressState = noProgress;
  let isStopping = false;
  const write = () => {
    const now = performance.now();
    if (isStopping || state.step === undefined || now - last < lineEveryMs) return;
    last = now;
    stream.write(`${printableText(progressLine(state, now))}\n`);
  };
  const timer = setInterval(write, 500);
  timer.unref();
  return {
    onEvent(event) {
      state = advance(state, event, performance.now());
      for (const note of lastingNotes(event)) printNote(note);
      write();
    },
    stopping() {
      isStopping = true;
      stream.write("stopping; a second Ctrl-C kills\n");
    },
    finish: () => clearInterval(timer),
  };
}
