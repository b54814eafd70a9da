/**
 * How much memory the work of a runtime may take, where its user sets a bound. Callers read from it how they must cut
 * their work. The runtime itself counts the weights that it holds, and refuses to load more than the bound leaves.
 */
import { byteSizeInWords } from "../byte-size.ts";
import { PithError } from "../errors.ts";

export interface Room {
  /** The whole bound in bytes, for messages. */
  readonly bound: number;
  /** Bytes of it for weights: those of all sessions, and what loading one more takes for a moment. */
  readonly weightBytes: number;
  /** Bytes for the weights of a circuit's file, which is loaded when little else is in memory. */
  readonly fileBytes: number;
  /** How many tokens go through a layer at once. */
  readonly tokensAtOnce: number;
  /** How many rows of logits are kept at once when models are compared. */
  readonly logitRows: number;
  /** Where residual streams wait; undefined: they stay in the engine. */
  readonly streams: StreamFile | undefined;
}

/** A file for residual streams. */
export interface StreamFile {
  /** @returns the place of the values. @throws PithError "output" when the disk is full. */
  write(values: Float32Array): Promise<number>;
  /** Reads the values that were written to a place. */
  read(place: number): Promise<Float32Array<ArrayBuffer>>;
  /** Gives the place back, for other values. */
  free(place: number): void;
}

/**
 * What a session's weights take while it is loaded, by their size: they are read, ONNX Runtime copies them, and puts
 * the copy into another layout. Once the session is loaded, they take their size.
 */
export const loadingFactor = 3;

/** What the weights of a model's file take when it is loaded: they are mapped, not copied. */
export interface FileSize {
  /** As they lie in the file. */
  readonly plain: number;
  /** As ONNX Runtime multiplies by them fastest: what is also read as rows is there twice. */
  readonly packed: number;
}

/** Counts the weights of a runtime's sessions. */
interface WeightMeter {
  /** Whether the next layer may be loaded while this one runs: afterwards a layer must still fit beside both. */
  hasRoomAhead(bytes: () => number): boolean;
  /**
   * Loads a session whose weights come from this process, and counts them until it is unloaded.
   * @throws PithError "runtime" when they do not fit.
   */
  session<Loaded extends Unloadable>(bytes: number, load: () => Promise<Loaded>): Promise<Loaded>;
  /**
   * The same for a file, whose weights are not copied first. @param load is told whether ONNX Runtime may put weights
   * into its own layout.
   */
  file<Loaded extends Unloadable>(size: FileSize, load: (packs: boolean) => Promise<Loaded>): Promise<Loaded>;
}

interface Unloadable {
  unload(): Promise<void>;
}

/** @param room undefined: there is no bound. */
export function createWeightMeter(room: Room | undefined): WeightMeter {
  let taken = 0;
  const counted = async <Loaded extends Unloadable>(
    bytes: number,
    { factor, most }: { readonly factor: number; readonly most: number },
    load: () => Promise<Loaded>,
  ): Promise<Loaded> => {
    const more = taken + factor * bytes - most;
    if (room !== undefined && more > 0) throw noRoom(room, { taken, needed: factor * bytes, most, more });
    taken += factor * bytes;
    let left = 0;
    try {
      const loaded = await load();
      left = bytes;
      return {
        ...loaded,
        async unload() {
          await loaded.unload();
          taken -= bytes;
        },
      };
    } finally {
      taken -= factor * bytes - left;
    }
  };
  const [weights, files] = [room?.weightBytes ?? Infinity, room?.fileBytes ?? Infinity];
  return {
    hasRoomAhead: (bytes) => room === undefined || taken + (1 + loadingFactor) * bytes() <= weights,
    session: (bytes, load) => counted(bytes, { factor: loadingFactor, most: weights }, load),
    file({ plain, packed }, load) {
      const packs = taken + packed <= files;
      return counted(packs ? packed : plain, { factor: 1, most: files }, () => load(packs));
    },
  };
}

interface Lack {
  readonly taken: number;
  readonly needed: number;
  readonly most: number;
  readonly more: number;
}

function noRoom({ bound }: Room, { taken, needed, most, more }: Lack): PithError {
  return new PithError(
    "runtime",
    `the bound of ${byteSizeInWords(bound)} leaves ${byteSizeInWords(most)} for weights here, of which ` +
      `${byteSizeInWords(taken)} are taken: loading the next ones takes ${byteSizeInWords(needed)}.`,
    {
      place: { field: "memory" },
      advice: `Go on with --resume and a bound of at least ${byteSizeInWords(bound + more, true)}: what was found so far is kept.`,
    },
  );
}
