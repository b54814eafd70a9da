/**
 * The package as `npm pack` makes it, in a project of its own: what it holds, and that it works with what it says
 * it depends on and with nothing else that lies here.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
let project: string;
let packed: readonly string[];
let dependencies: readonly string[];

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "pith-package-"));
  const npm = process.env["npm_execpath"];
  const pack = ["pack", "--dry-run", "--json"];
  const { stdout } = await (npm === undefined
    ? run("npm", pack, { shell: process.platform === "win32" })
    : run(process.execPath, [npm, ...pack]));
  const [{ files }] = JSON.parse(stdout) as [{ files: readonly { path: string }[] }];
  packed = files.map(({ path }) => path);
  ({ dependencies } = await installPacked());
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** What `npm install pith-….tgz` does, but for the registry: the packages that it would fetch are linked to ours. */
async function installPacked() {
  const manifest = JSON.parse(await readFile("package.json", "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const path of packed) await cp(path, join(project, "node_modules/pith", path));
  const names = Object.keys(manifest.dependencies);
  for (const name of names) {
    const link = join(project, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(resolve("node_modules", name), link, "junction");
  }
  await writeFile(join(project, "package.json"), "{}");
  return { dependencies: names };
}

const inProject = (...args: readonly string[]) =>
  run(process.execPath, [...args], {
    cwd: project,
    env: { PATH: process.env["PATH"], HOME: project, HF_HUB_OFFLINE: "1" },
  });

test("holds the program, the demo's model, and the documentation with all that it leads to", async () => {
  const folders = new Set(packed.map((path) => path.split("/")[0]));
  expect([...folders].sort()).toEqual(
    ["LICENSE", "README.md", "dist", "docs", "examples", "models", "package.json"].sort(),
  );
  const pages = packed.filter((path) => path.endsWith(".md") && !path.startsWith("models/"));
  expect(pages).toContain("docs/tasks.md");
  for (const page of pages) {
    const text = await readFile(page, "utf8");
    const links = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, link = ""]) => link);
    const missing = links
      .filter((link) => !link.includes(":"))
      .filter((link) => !packed.includes(join(dirname(page), link).replaceAll("\\", "/")));
    expect({ page, missing }).toEqual({ page, missing: [] });
  }
});

test("brings ONNX Runtime for browsers built in, with its licence, and depends on none", () => {
  expect(dependencies).toContain("onnxruntime-node");
  expect(dependencies).not.toContain("onnxruntime-web");
  expect(packed).toContain("dist/web/licences.txt");
  expect(packed.filter((path) => path.endsWith(".wasm"))).toHaveLength(2);
});

test("finds, shares and reports a circuit, and is a library, in a project of its own", async () => {
  const pith = join(project, "node_modules/pith/dist/cli.js");
  await inProject(pith, "extract", "--no-mlps", "--threads", "1", "--out", "names");
  await inProject(pith, "share", "names", "--out", "site");
  expect(await readdir(join(project, "site"))).toContain("licences.txt");
  await inProject(pith, "report", "names", "--threads", "1", "--prompts", "2");
  expect((await readdir(project)).filter((name) => name.endsWith(".html"))).toHaveLength(1);
  const program = `
    import { loadCircuit } from "pith";
    const circuit = await loadCircuit("names");
    const [{ text }] = await circuit.predict("Then, Alice and Kevin went to the market. Alice gave a drink to");
    console.log(text);
  `;
  await writeFile(join(project, "program.mjs"), program);
  expect((await inProject("program.mjs")).stdout).toBe(" Kevin\n");
});
