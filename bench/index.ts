/** `npm run bench -- NAME`: each benchmark by name. Exit code 1 when a bar is missed. */
import { benchSearch, defaultSearchBench } from "./search.ts";

const [name, ...flags] = process.argv.slice(2);
if (name !== "search") {
  console.error(`usage: npm run bench -- search [--json] [--threads T]`);
  process.exit(2);
}
const threads = flags.indexOf("--threads");
const met = await benchSearch({
  ...defaultSearchBench,
  json: flags.includes("--json"),
  ...(threads >= 0 ? { threads: Number(flags[threads + 1]) } : {}),
});
process.exitCode = met ? 0 : 1;
