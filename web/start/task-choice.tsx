/** The choice of a task, built-in or as the user's own examples, with its prompts as the model sees them. */
import type { StudioInfo, TaskSource } from "../../src/server/api.ts";
import { FaultNotice } from "../parts/notice.tsx";
import { Tokens } from "../parts/tokens.tsx";
import { PreflightCard } from "./preflight-card.tsx";
import { check, checkFault, checking, chooseTask, ownText, task } from "./run-form.ts";
import { TaskEditor } from "./task-editor.tsx";

export function TaskChoice({ info }: { readonly info: StudioInfo }) {
  const chosen = task.value;
  return (
    <section aria-labelledby="task-title">
      <h2 id="task-title">
        <span class="number">2</span> Task
      </h2>
      <fieldset class="choices">
        <legend class="visually-hidden">Task</legend>
        {info.builtinTasks.map(({ name, title, example: [prompt, answer] }) => (
          <label class="choice" key={name}>
            <input
              type="radio"
              name="task"
              checked={chosen.kind === "builtin" && chosen.name === name}
              onChange={() => chooseTask({ kind: "builtin", name })}
            />
            <span>
              <strong>{title}</strong>
              <span class="hint">
                {prompt}
                <b class="answer">{answer}</b>
              </span>
            </span>
          </label>
        ))}
        <label class="choice">
          <input
            type="radio"
            name="task"
            checked={chosen.kind === "text"}
            onChange={() => chooseTask(ownText.value)}
          />
          <span>
            <strong>Your own</strong>
            <span class="hint">Paste or drop prompts and answers, as JSON Lines or CSV.</span>
          </span>
        </label>
      </fieldset>
      {chosen.kind === "text" && <TaskEditor source={chosen} />}
      <Samples chosen={chosen} />
      <PreflightCard />
    </section>
  );
}

/** The first prompts, with the boundaries of their tokens. */
function Samples({ chosen }: { readonly chosen: TaskSource }) {
  const found = check.value;
  if (checkFault.value !== undefined) return <FaultNotice fault={checkFault.value} />;
  if (found === undefined || (chosen.kind === "text" && chosen.text.trim() === "")) return null;
  const { examples, samples, promptTokens, faults } = found;
  // A built-in task has no lines at which its fault could stand.
  const [fault] = faults;
  if (chosen.kind === "builtin" && fault !== undefined) return <FaultNotice fault={fault} />;
  if (samples.length === 0) return null;
  return (
    <div class={checking.value ? "samples stale" : "samples"} aria-busy={checking.value}>
      <h3>What the model sees</h3>
      <p class="hint">
        Each box is a token; <span class="token">·</span> stands for a space.
      </p>
      <ul class="plain">
        {samples.slice(0, 5).map(({ tokens, answers }) => (
          <li key={tokens.join("\u0000")}>
            <Tokens tokens={tokens} />
            {answers.length > 0 && (
              <span class="sample-answers">
                <span aria-hidden="true"> → </span>
                <span class="visually-hidden">, answered by </span>
                <Tokens tokens={answers.slice(0, 4)} />
                {answers.length > 4 && <span class="hint"> and {answers.length - 4} more</span>}
              </span>
            )}
          </li>
        ))}
      </ul>
      {faults.length === 0 && (
        <p class="hint">
          {examples.patching} prompts give the averages that replace components, {examples.validation} decide
          what goes, and {examples.test} are seen by neither: the accuracy on them is the one to believe.{" "}
          {promptTokens === undefined
            ? "Prompts differ in length."
            : `Every prompt has ${promptTokens} tokens.`}
        </p>
      )}
    </div>
  );
}
