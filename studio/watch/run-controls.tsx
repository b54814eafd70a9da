/** A run's state in words, and pause, resume and cancel. */
import { useState } from "preact/hooks";
import type { RunState } from "../../src/studio/api.ts";
import { type Fault, faultOf, post } from "../data/api-client.ts";
import type { LiveRun } from "../data/live-run.ts";
import { FaultNotice } from "../parts/notice.tsx";

const actions: Readonly<Record<RunState, readonly ("pause" | "resume" | "cancel")[]>> = {
  queued: ["pause", "cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  done: [],
  failed: [],
  cancelled: [],
};

const labels = { pause: "Pause", resume: "Resume", cancel: "Cancel" } as const;

export function RunControls({ run }: { readonly run: LiveRun }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const state = run.state.value ?? "queued";
  const act = async (action: keyof typeof labels) => {
    setBusy(true);
    setFault(undefined);
    try {
      await post(`/api/runs/${encodeURIComponent(run.id)}/${action}`);
    } catch (thrown) {
      setFault(faultOf(thrown));
    }
    setBusy(false);
  };
  return (
    <>
      <div class="controls">
        <p class={`state state-${state}`} role="status">
          {stateWords[state]}
        </p>
        {actions[state].map((action) => (
          <button
            type="button"
            key={action}
            class={action === "resume" ? "button primary" : "button"}
            disabled={busy}
            onClick={() => void act(action)}
          >
            {labels[action]}
          </button>
        ))}
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
};
