/**
 * Shows progress on stderr: on a terminal a block that is drawn over, elsewhere a line every few seconds.
 * What is shown is `report/terminal-progress.ts`'s business.
 */
import { writeSync } from "node:fs";
import type { OnEvent } from "../pipeline/events.ts";
import { printableText } from "../printable.ts";
import {
  advance,
  noProgress,
  type ProgressState,
  progressBlock,
  progressLine,
} from "../report/terminal-progress.ts";
import { canRedraw, drawSafely } from "./streams.ts";

export interface ProgressView {
  readonly onEvent: OnEvent;
  /** Says that the work was asked to stop. */
  readonly stopping: () => void;
  /** Takes the block away and gives the cursor back. Nothing is drawn afterwards. */
  readonly finish: () => void;
}

const FRAME_MS = 100;
/** Work that ends sooner shows nothing. */
const PATIENCE_MS = 400;
const LINE_EVERY_MS = 3000;

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[0J";

export function showProgress(stream: NodeJS.WriteStream = process.stderr): ProgressView {
  return canRedraw(stream) ? redrawn(stream) : written(stream);
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
  return {
    onEvent(event) {
      state = advance(state, event, performance.now());
      changed = true;
    },
    stopping() {
      isStopping = true;
      draw();
    },
    finish() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      // At once, whatever else waits in the stream: the process may be about to be killed.
      if (drawnLines > 0) writeSync(2, `${above()}${CLEAR_BELOW}${SHOW_CURSOR}`);
    },
  };
}

function written(stream: NodeJS.WriteStream): ProgressView {
  let last = performance.now();
  let state: ProgressState = noProgress;
  let isStopping = false;
  const write = () => {
    const now = performance.now();
    if (isStopping || state.step === undefined || now - last < LINE_EVERY_MS) return;
    last = now;
    stream.write(`${printableText(progressLine(state, now))}\n`);
  };
  const timer = setInterval(write, 500);
  timer.unref();
  return {
    onEvent(event) {
      state = advance(state, event, performance.now());
      write();
    },
    stopping() {
      isStopping = true;
      stream.write("stopping; a second Ctrl-C kills\n");
    },
    finish: () => clearInterval(timer),
  };
}
