/** The context that the command line passes to its commands, and their results. */

/** The interface between a command and the command line. */
export interface CommandContext {
  /** The words that the user wrote after the program's name. */
  readonly words: readonly string[];
  readonly exit: (code: number) => void;
}
