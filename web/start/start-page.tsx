/** The page that starts a run: model, task, options, and the estimated cost. */
import { useEffect } from "preact/hooks";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { ModelChoice } from "./model-choice.tsx";
import { OptionsChoice } from "./options-choice.tsx";
import { info, infoFault, loadInfo } from "./run-form.ts";
import { StartCard } from "./start-card.tsx";
import { TaskChoice } from "./task-choice.tsx";

export function StartPage() {
  useEffect(() => {
    document.title = "New circuit – Pith studio";
    void loadInfo();
  }, []);
  const known = info.value;
  return (
    <>
      <h1>Find the part that does the work</h1>
      <p class="lead">
        A language model does many things. Choose one of them, and Pith takes away every attention head and
        MLP that this one thing can do without. What is left is the circuit: a smaller model of its own.
      </p>
      {known === undefined ? (
        infoFault.value === undefined ? (
          <Loading what="Opening the studio…" />
        ) : (
          <FaultNotice fault={infoFault.value} />
        )
      ) : (
        <div class="start">
          <div class="start-form">
            <ModelChoice info={known} />
            <TaskChoice info={known} />
            <OptionsChoice />
          </div>
          <StartCard />
        </div>
      )}
    </>
  );
}
