/** Sends a run's events as server-sent events: first those since the page last listened, then new ones. */
import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { SequencedEvent } from "./event-log.ts";
import type { Run } from "./run.ts";

/**
 * A comment is sent at least this often, because a proxy or a page would otherwise regard the connection as dead;
 * milliseconds.
 */
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
    // Sent at once, so that the page knows that the connection works before the first event.
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
