/** A field for a prompt. It is as tall as its text, so that the end, where the answer goes, is always visible. */
import { useLayoutEffect, useRef } from "preact/hooks";

export interface PromptBoxProps {
  readonly value: string;
  readonly onValue: (value: string) => void;
  /** Called for Enter, as in a field of one line; Shift and Enter begin a new line. */
  readonly onEnter: () => void;
  /** Called when a person is about to type: from then on the text is theirs. */
  readonly onFocus?: () => void;
  readonly describedBy: string;
  readonly placeholder?: string;
  readonly invalid?: boolean;
  /** Whether the label is shown, for fields without a heading. */
  readonly labelShown?: boolean;
}

export function PromptBox(props: PromptBoxProps) {
  const { value, onValue, onEnter, onFocus, describedBy, placeholder } = props;
  const { invalid = false, labelShown = false } = props;
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const adjust = () => {
      element.style.height = "auto";
      const borders = element.offsetHeight - element.clientHeight;
      element.style.height = `${element.scrollHeight + borders}px`;
    };
    adjust();
    // Line breaks depend on the width.
    let { width } = element.getBoundingClientRect();
    const watch = new ResizeObserver(() => {
      const next = element.getBoundingClientRect().width;
      if (next !== width) adjust();
      width = next;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [value]);
  return (
    <label class="grow">
      <span class={labelShown ? "label" : "visually-hidden"}>Prompt</span>
      <textarea
        ref={box}
        id="prompt"
        class="prompt-box"
        rows={1}
        value={value}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        aria-invalid={invalid}
        aria-describedby={describedBy}
        {...(onFocus && { onFocus })}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          onEnter();
        }}
      />
    </label>
  );
}
