/**
 * One studio to a data folder: two would both go on with the same run. The lock says which process and port hold
 * it, and holds as long as both are alive; a killed studio's lock is taken over.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { errorCode, fileError } from "../checkpoint/file-error.ts";
import { isAlive } from "../checkpoint/lock-file.ts";
import { PithError } from "../errors.ts";

/** @param port that this process listens on. @returns what gives it back. @throws PithError "output". */
export async function lockFolder(folder: string, port: number): Promise<() => Promise<void>> {
  const file = join(folder, "studio.lock");
  const mine = JSON.stringify({ pid: process.pid, port });
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(file, mine, { flag: "wx" });
      break;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw fileError("output", folder, error);
    }
    const text = await readFile(file, "utf8").catch(() => "");
    if (attempt > 2 || (await isHeld(text, port))) {
      throw new PithError("output", "another studio uses this folder.", {
        place: { file: folder },
        advice: "Give this one its own by --data DIR.",
      });
    }
    await rm(file, { force: true });
  }
  return async () => {
    if ((await readFile(file, "utf8").catch(() => "")) === mine) await rm(file, { force: true });
  };
}

async function isHeld(text: string, ownPort: number): Promise<boolean> {
  const holder = /^\{"pid":(\d+),"port":(\d+)\}$/.exec(text);
  if (holder === null) return false;
  const [pid, port] = [Number(holder[1]), Number(holder[2])];
  return isAlive(pid) && port !== ownPort && (await answers(port));
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}
