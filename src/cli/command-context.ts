/** What the command line and each of its commands give one another. */

/** What a command tells its caller. */
export interface CommandContext {
  /** The words that the user wrote after the program's name. */
  readonly words: readonly string[];
  readonly exit: (code: number) => void;
}
