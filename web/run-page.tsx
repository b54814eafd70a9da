/** The page of one run; all its views share the run's data and its stream. */
import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../src/server/api.ts";
import { followRun, type LiveRun } from "./data/live-run.ts";
import { type RunTab, runPath } from "./data/router.ts";
import { lazyPage } from "./parts/lazy-page.tsx";
import { Empty, FaultNotice, Loading } from "./parts/notice.tsx";
import { WatchPage } from "./watch/watch-page.tsx";

const UnderstandPage = lazyPage(
  async () => (await import("./understand/understand-page.tsx")).UnderstandPage,
);
const ComparePage = lazyPage(async () => (await import("./compare/compare-page.tsx")).ComparePage);
const TakePage = lazyPage(async () => (await import("./take/take-page.tsx")).TakePage);
const TakeSweep = lazyPage(async () => (await import("./take/take-sweep.tsx")).TakeSweep);

export function RunPage({ id, tab }: { readonly id: string; readonly tab: RunTab }) {
  const [run, setRun] = useState<LiveRun | undefined>(undefined);
  useEffect(() => {
    const followed = followRun(id);
    setRun(followed);
    return () => followed.close();
  }, [id]);
  const detail = run?.detail.value;
  useEffect(() => {
    if (detail !== undefined) document.title = `${detail.taskName} on ${detail.modelName} – Pith studio`;
  }, [detail]);
  if (run === undefined || detail === undefined) {
    const fault = run?.fault.value;
    return (
      <>
        <h1>Run</h1>
        {fault === undefined ? <Loading what="Reading the run…" /> : <FaultNotice fault={fault} />}
      </>
    );
  }
  return (
    <>
      <p class="kicker">{detail.kind === "sweep" ? "Sweep" : "Circuit"}</p>
      <h1>
        {detail.taskName} <span class="soft">on {detail.modelName}</span>
      </h1>
      <Tabs detail={detail} tab={tab} />
      <Tab run={run} detail={detail} tab={tab} />
    </>
  );
}

const tabs: Readonly<Record<RunDetail["kind"], readonly (readonly [RunTab, string])[]>> = {
  extract: [
    ["watch", "Watch"],
    ["understand", "Understand"],
    ["take", "Take away"],
  ],
  sweep: [
    ["watch", "Watch"],
    ["compare", "Compare"],
    ["take", "Take away"],
  ],
};

function Tabs({ detail, tab }: { readonly detail: RunDetail; readonly tab: RunTab }) {
  return (
    <nav class="tabs" aria-label="This run">
      {tabs[detail.kind].map(([name, label]) => (
        <a key={name} href={runPath(detail.id, name)} aria-current={name === tab ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

interface TabProps {
  readonly run: LiveRun;
  readonly detail: RunDetail;
  readonly tab: RunTab;
}

function Tab({ run, detail, tab }: TabProps) {
  if (tab === "watch") return <WatchPage run={run} detail={detail} />;
  if (!tabs[detail.kind].some(([name]) => name === tab)) {
    return (
      <Empty title="This run has no such page.">
        <p>
          <a href={runPath(detail.id)}>Watch it</a>
        </p>
      </Empty>
    );
  }
  if (run.state.value !== "done" || (detail.circuit === undefined && detail.rows === undefined)) {
    return (
      <Empty title="There is no result yet.">
        <p>
          <a href={runPath(detail.id)}>Watch the run</a>; this page fills when it is done.
        </p>
      </Empty>
    );
  }
  if (tab === "compare") return <ComparePage detail={detail} />;
  if (detail.circuit === undefined) return <TakeSweep detail={detail} />;
  const props = { id: detail.id, detail, circuit: detail.circuit };
  return tab === "take" ? <TakePage {...props} /> : <UnderstandPage {...props} />;
}
