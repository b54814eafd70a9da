/** How much memory this process has held at the most (Node). */
import { existsSync, readFileSync } from "node:fs";

/**
 * Peak resident memory in bytes. Where the system tells it, this program's own: Linux's maxRSS is that of the process
 * that started it, if that was the larger.
 */
export function peakMemory(): number {
  const { maxRSS } = process.resourceUsage();
  if (!existsSync("/proc/self/status")) return maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return (kilobytes === undefined ? maxRSS : Number(kilobytes)) * 1024;
}
