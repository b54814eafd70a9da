/** A run's state in words, and pause, resume and cancel. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { RunState } from "../../src/server/api.ts";
import { type Fault, faultOf, outOfTouch, post } from "../data/api-client.ts";
import { isFinal, type LiveRun } from "../data/live-run.ts";
import { FaultNotice } from "../parts/notice.tsx";

const actions: Readonly<Record<RunState, readonly ("pause" | "resume" | "cancel")[]>> = {
  queued: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  done: [],
  failed: ["resume"],
  cancelled: [],
  damaged: [],
};

const labels = { pause: "Pause", resume: "Resume", cancel: "Cancel" } as const;

export interface RunControlsProps {
  readonly run: LiveRun;
  /** Links to continue with after a finished run. */
  readonly children?: ComponentChildren;
}

export function RunControls({ run, children }: RunControlsProps) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const state = run.state.value ?? "queued";
  // A finished run stays as it is, whether the server answers or not.
  const unsure = outOfTouch.value && !isFinal(state);
  const act = async (action: keyof typeof labels) => {
    setBusy(true);
    setFault(undefined);
    try {
      await post(`/api/runs/${encodeURIComponent(run.id)}/${action}`);
      // A finished run has no stream.
      if (isFinal(state)) run.reload();
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      <div class="controls">
        <p class={`state state-${unsure ? "unsure" : state}`} role="status">
          {unsure ? `Not known: ${stateWords[state].toLowerCase()} when last heard of` : stateWords[state]}
        </p>
        {actions[state].map((action) => (
          <button
            type="button"
            key={action}
            class={action === "resume" ? "button primary" : "button"}
            disabled={busy || outOfTouch.value}
            onClick={() => void act(action)}
          >
            {labels[action]}
          </button>
        ))}
        {children}
      </div>
      {fault !== undefined && <FaultNotice fault={fault} />}
    </>
  );
}

export const stateWords: Readonly<Record<RunState, string>> = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
  damaged: "Damaged",
};
