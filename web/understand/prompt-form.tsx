/**
 * A form in which a prompt is typed or chosen. A prompt that the circuit does not accept is refused here, before
 * any request.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { formatCount, plural } from "../../src/report/format.ts";
import { faultOf } from "../data/api-client.ts";
import { Loading } from "../parts/notice.tsx";
import { PromptBox } from "../parts/prompt-box.tsx";
import { Tokens } from "../parts/tokens.tsx";
import { refusedTokens } from "./circuit-here.ts";

export interface PromptFormProps {
  readonly id: string;
  readonly circuit: CircuitFile;
  readonly prompt: string;
  readonly samples: readonly string[];
  readonly onAsk: (prompt: string) => void;
}

/** In characters; no token is longer than a few hundred, so no context needs more. */
const longestPrompt = 20_000;
/** The most tokens of a refused prompt that are shown. */
const shownTokens = 24;

interface Refusal {
  readonly message: string;
  readonly tokens: readonly string[];
}

export function PromptForm(props: PromptFormProps) {
  const { circuit, samples, onAsk } = props;
  const draft = useDraft(props);
  const submit = () => {
    if (draft.mayAsk) void draft.submit();
  };
  return (
    <>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <PromptBox
          value={draft.typed}
          placeholder="Type a prompt"
          invalid={draft.tooLong || draft.refusal !== undefined}
          describedBy="prompt-wrong prompt-takes"
          onValue={draft.change}
          onFocus={draft.hold}
          onEnter={submit}
        />
        <button type="submit" class="button primary" disabled={!draft.mayAsk}>
          Ask
        </button>
      </form>
      <div id="prompt-wrong" aria-live="polite">
        <Verdict draft={draft} anyLength={circuit.profile.kind !== "aligned"} />
      </div>
      <p class="hint" id="prompt-takes">
        {circuit.profile.kind === "aligned" &&
          `This circuit takes prompts of ${circuit.profile.length} tokens. `}
        {samples.length > 0 && "Some of its task:"}
      </p>
      <ul class="plain samples-list hint">
        {samples.map((sample) => (
          <li key={sample}>
            <button
              type="button"
              class="link left"
              onClick={() => {
                draft.change(undefined);
                onAsk(sample);
              }}
            >
              {sample}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The text in the box before it is sent. */
interface Draft {
  readonly typed: string;
  readonly tooLong: boolean;
  readonly mayAsk: boolean;
  /** Whether its tokens are being counted. */
  readonly checking: boolean;
  readonly refusal: Refusal | undefined;
  /** @param next undefined: the prompt that was sent last. */
  change(next: string | undefined): void;
  /** Keeps the text: a sample that arrives during typing would be mixed with it. */
  hold(): void;
  /** Sends the prompt, unless the circuit does not accept it. */
  submit(): Promise<void>;
}

function useDraft({ id, circuit, prompt, onAsk }: PromptFormProps): Draft {
  // Typed text stays until it is sent or another prompt is chosen; a first sample that comes late does not
  // replace it.
  const [draft, setDraft] = useState<string>();
  const [refusal, setRefusal] = useState<Refusal | undefined>(undefined);
  const [checking, setChecking] = useState(false);
  const turn = useRef(0);
  const before = useRef(prompt);
  useEffect(() => {
    if (before.current !== "") change(undefined);
    before.current = prompt;
  }, [prompt]);
  const change = (next: string | undefined) => {
    // The prompt that is being checked is no longer the typed one.
    turn.current++;
    setChecking(false);
    setRefusal(undefined);
    setDraft(next);
  };
  const typed = draft ?? prompt;
  const tooLong = typed.length > longestPrompt;
  const submit = async () => {
    const own = ++turn.current;
    setChecking(true);
    const refused = await refusalOf(id, circuit, typed);
    if (own !== turn.current) return;
    setChecking(false);
    setRefusal(refused);
    if (refused !== undefined) return;
    setDraft(undefined);
    onAsk(typed);
  };
  return {
    ...{ typed, tooLong, mayAsk: typed !== "" && !tooLong, checking, refusal, change, submit },
    hold: () => setDraft(typed),
  };
}

/** Why the circuit does not accept a prompt; undefined if it does. */
async function refusalOf(id: string, circuit: CircuitFile, prompt: string): Promise<Refusal | undefined> {
  try {
    const tokens = await refusedTokens(id, prompt);
    return tokens && { tokens, message: reasonOf(circuit, tokens.length) };
  } catch (thrown) {
    return { tokens: [], message: faultOf(thrown)?.message ?? "The prompt can't be read." };
  }
}

function Verdict({ draft, anyLength }: { readonly draft: Draft; readonly anyLength: boolean }) {
  const { typed, tooLong, refusal, checking } = draft;
  if (tooLong) {
    return (
      <p class="field-wrong">
        {`${formatCount(typed.length)} characters are too long for a prompt: at most ${formatCount(longestPrompt)}.`}
      </p>
    );
  }
  if (refusal !== undefined) return <RefusalNotice refusal={refusal} anyLength={anyLength} />;
  return checking && <Loading what="Counting its tokens…" />;
}

function RefusalNotice({ refusal, anyLength }: { readonly refusal: Refusal; readonly anyLength: boolean }) {
  const { message, tokens } = refusal;
  return (
    <div class="notice notice-bad">
      <p>
        <strong>{message}</strong>
      </p>
      {tokens.length > 0 && (
        <p>
          <Tokens tokens={tokens.slice(0, shownTokens)} label="Its tokens: " />
          {tokens.length > shownTokens && ` and ${formatCount(tokens.length - shownTokens)} more`}
        </p>
      )}
      {!anyLength && (
        <p>
          A circuit for prompts of any length is found with one average for all positions, under “More
          options” at the start.
        </p>
      )}
    </div>
  );
}

function reasonOf({ profile, model }: CircuitFile, count: number): string {
  if (profile.kind === "aligned" && count !== profile.length) {
    return `This prompt has ${plural(count, "token")}; the circuit takes exactly ${profile.length}.`;
  }
  if (count > model.context) {
    return `This prompt has ${plural(count, "token")}; the model's context takes ${formatCount(model.context)} at most.`;
  }
  return "The circuit does not take this prompt.";
}
