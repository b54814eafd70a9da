/** A run's events as server-sent events: what has been since the page last listened, then what comes. */
import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { SequencedEvent } from "./event-log.ts";
import type { Run } from "./run.ts";

/** Silence is broken in time for a proxy, or a page, that would take it for death; milliseconds. */
const beat = 15_000;

export function streamRun(context: Context, { log }: Run): Response {
  const asked = context.req.header("last-event-id") ?? context.req.query("after") ?? "0";
  const after = /^\d{1,15}$/.test(asked) ? Math.min(Number(asked), log.length) : 0;
  return streamSSE(context, async (stream) => {
    const waiting: (SequencedEvent | undefined)[] = [...log.after(after)];
    let wake = () => {};
    const end = log.listen((event) => {
      waiting.push(event);
      wake();
    });
    stream.onAbort(() => {
      waiting.push(undefined);
      wake();
    });
    // Said at once, so that a page knows that it is heard before anything happens.
    await stream.write(": here\n\n");
    try {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) await send(stream, event);
        else if (stream.aborted || stream.closed || log.closed) return;
        else {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, beat);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
            if (waiting.length > 0 || log.closed) wake();
          });
          if (waiting.length === 0 && !log.closed) await stream.write(": still here\n\n");
        }
      }
    } finally {
      end();
    }
  });
}

async function send(stream: SSEStreamingApi, { sequence, event }: SequencedEvent): Promise<void> {
  await stream.writeSSE({
    data: JSON.stringify(event),
    ...(sequence !== undefined && { id: String(sequence) }),
  });
}
