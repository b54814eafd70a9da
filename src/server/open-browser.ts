/**
 * Opens an address in the user's browser, if there is one; otherwise the user has the address in the terminal.
 */
import { spawn } from "node:child_process";

export function openBrowser(url: string): void {
  const [command, words]: [string, string[]] =
    process.platform === "darwin"
      ? ["open", [url]]
      : process.platform === "win32"
        ? ["cmd", ["/c", "start", '""', url]]
        : ["xdg-open", [url]];
  const child = spawn(command, words, { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
