/** Hub names against a hub that misbehaves in every way we could think of (test/support/fake-hub.ts). */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type HubProgress, type ResolveModelOptions, resolveModelFolder } from "../src/checkpoint/hub/hub.ts";
import type { PithError, PithErrorCode } from "../src/errors.ts";
import {
  blobName,
  type FakeHub,
  type FakeHubOptions,
  type HubFault,
  startFakeHub,
} from "./support/fake-hub.ts";

// How long a download pauses is written down; it pauses no less for that.
const pauses = vi.hoisted((): number[] => []);
vi.mock("node:timers/promises", async (original) => {
  const real = await original<typeof import("node:timers/promises")>();
  const setTimeout: typeof real.setTimeout = (milliseconds = 0, ...rest) => {
    pauses.push(milliseconds);
    return real.setTimeout(milliseconds, ...rest);
  };
  return { ...real, setTimeout };
});

const name = "org/tiny";
const weights = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7919) >> 3));
const config = '{"model_type":"gpt2"}\n';
const needed = {
  "config.json": config,
  "generation_config.json": "{}",
  "tokenizer.json": '{"version":"1.0"}',
  "vocab.json": '{"a":0}',
  "merges.txt": "#version\n",
};
const unneeded = {
  "README.md": "# hello",
  ".gitattributes": "",
  "pytorch_model.bin": "pickle",
  "onnx/model.onnx": "graph",
  "training.log": "…",
};
const single = { ...needed, ...unneeded, "model.safetensors": weights };
const shardOne = "model-00001-of-00002.safetensors";
const shardTwo = "model-00002-of-00002.safetensors";
const indexOf = (...files: string[]) =>
  JSON.stringify({ weight_map: Object.fromEntries(files.map((file, at) => [`tensor.${at}`, file])) });
const sharded = {
  ...needed,
  ...unneeded,
  "model.safetensors.index.json": indexOf(shardOne, shardTwo, shardOne),
  [shardOne]: weights.subarray(0, 90_000),
  [shardTwo]: weights.subarray(90_000),
  "model-00003-of-00002.safetensors": "nobody names me",
};

// Every file is synced to the disk; in memory that costs nothing.
const scratch = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
let home: string;
let hubs: FakeHub[];
beforeEach(async () => {
  home = await mkdtemp(join(scratch, "pith-hub-"));
  hubs = [];
});
afterEach(async () => {
  await Promise.all(hubs.map((hub) => hub.close()));
  await rm(home, { recursive: true, force: true });
});

async function start(options: Partial<FakeHubOptions> = {}): Promise<FakeHub> {
  const hub = await startFakeHub({ repository: name, files: single, taken: isStored, ...options });
  hubs.push(hub);
  return hub;
}

const withFaults = (...faults: HubFault[]) => start({ faults: { "model.safetensors": faults } });
const environmentOf = (hub: FakeHub, more: Record<string, string> = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_HOME: home,
  HOME: join(home, "user"),
  ...more,
});
const timing = { idleMs: 60_000, retryDelayMs: 1, longestDelayMs: 50 };

function resolveWith(hub: FakeHub, options: ResolveModelOptions = {}, model = name): Promise<string> {
  return resolveModelFolder(model, { environment: environmentOf(hub), timing, ...options });
}

async function refusal(promise: Promise<unknown>, code: PithErrorCode = "hub"): Promise<PithError> {
  const error = await promise.then(
    () => expect.fail("it should have been refused"),
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ name: "PithError", code });
  return error;
}

const repositoryFolder = () => join(home, "hub", "models--org--tiny");
const blobs = async () => (await readdir(join(repositoryFolder(), "blobs")).catch(() => [])).sort();
const weightsBlob = blobName("model.safetensors", weights);
/** Whether so many bytes of the weights are in the cache, unfinished. */
const isStored = async (bytes: number) => {
  for (const blob of await blobs()) {
    if (!blob.startsWith(weightsBlob) || !blob.endsWith(".incomplete")) continue;
    const { size } = await stat(join(repositoryFolder(), "blobs", blob)).catch(() => ({ size: -1 }));
    if (size >= bytes) return true;
  }
  return false;
};
const untilStored = async (bytes: number) => {
  while (!(await isStored(bytes))) await sleep(5);
};
const weightRequests = (hub: FakeHub) => hub.requests.filter((request) => request.server === "cdn");
const content = async (folder: string, file = "model.safetensors") => readFile(join(folder, file));

/** Compares in one go: a diff of 200 kB says nothing and takes seconds. */
async function expectWeights(folder: string): Promise<void> {
  expect((await content(folder)).equals(weights)).toBe(true);
}

/** Every path below a folder, to see that nothing was left behind or written elsewhere. */
async function everything(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

describe("what is a path and what is a hub name", () => {
  it("gives a folder back as it is, absolute", async () => {
    expect(await resolveModelFolder("models/nano")).toBe(join(process.cwd(), "models/nano"));
    await mkdir(join(home, "user", "m"), { recursive: true });
    const environment = { HOME: join(home, "user") };
    expect(await resolveModelFolder("~/m", { environment })).toBe(join(home, "user", "m"));
  });

  it.each(["./nowhere", "../nowhere", "/nowhere/at/all", "~/nowhere", "nowhere/", "", "package.json"])(
    "refuses %j, a path to no folder",
    async (path) => {
      await refusal(resolveModelFolder(path, { environment: { HOME: home } }), "options");
    },
  );

  it.each([
    "a/b/c",
    "a--b",
    "org/..",
    "org/.hidden",
    "or g/x",
    "org/x.git",
    "@main",
    "x@",
    "x@../y",
    "x@a//b",
    "x\\y",
  ])("refuses %j, no hub name", async (text) => {
    const hub = await start();
    await refusal(resolveWith(hub, {}, text), "options");
    expect(hub.requests).toEqual([]);
  });

  it("refuses two revisions at once, and a folder's revision", async () => {
    const hub = await start();
    await refusal(resolveWith(hub, { revision: "other" }, `${name}@main`), "options");
    await refusal(resolveModelFolder("models/nano", { revision: "main" }), "options");
  });
});

describe("a download", () => {
  it("fetches what a model of one file needs, and nothing else, in Python's layout", async () => {
    const hub = await start({ pageSize: 3 });
    const folder = await resolveWith(hub);
    expect(folder).toBe(join(repositoryFolder(), "snapshots", hub.commit));
    const wanted = [...Object.keys(needed), "model.safetensors"].sort();
    expect(hub.asked().sort()).toEqual(wanted);
    expect((await readdir(folder)).sort()).toEqual(wanted);
    expect(await readFile(join(repositoryFolder(), "refs", "main"), "utf8")).toBe(hub.commit);
    for (const file of wanted) {
      const bytes = Buffer.from(single[file as keyof typeof single]);
      expect((await content(folder, file)).equals(bytes)).toBe(true);
      expect(await readlink(join(folder, file))).toBe(join("..", "..", "blobs", blobName(file, bytes)));
    }
    expect(await blobs()).toHaveLength(wanted.length);
    expect(
      (await everything(join(home, "hub"))).filter((path) => /lock$|incomplete|tmp$/.test(path)),
    ).toEqual([]);
  });

  it("fetches exactly the shards that the index names", async () => {
    const hub = await start({ files: sharded });
    const folder = await resolveWith(hub);
    expect(hub.asked().sort()).toEqual(
      [...Object.keys(needed), "model.safetensors.index.json", shardOne, shardTwo].sort(),
    );
    const joined = Buffer.concat([await content(folder, shardOne), await content(folder, shardTwo)]);
    expect(joined.equals(weights)).toBe(true);
  });

  it("asks only for metadata the second time, and for nothing offline", async () => {
    const hub = await start({ files: sharded });
    const folder = await resolveWith(hub);
    const asked = hub.asked().length;
    expect(await resolveWith(hub)).toBe(folder);
    expect(hub.asked()).toHaveLength(asked);
    const requests = hub.requests.length;
    for (const HF_HUB_OFFLINE of ["1", "true", "YES", "on"]) {
      const environment = environmentOf(hub, { HF_HUB_OFFLINE });
      expect(await resolveWith(hub, { environment })).toBe(folder);
      expect(await resolveWith(hub, { environment, revision: hub.commit })).toBe(folder);
    }
    expect(hub.requests).toHaveLength(requests);
  });

  it("says offline which files are missing, and asks nobody", async () => {
    const hub = await start({ files: sharded });
    const environment = environmentOf(hub, { HF_HUB_OFFLINE: "1" });
    expect((await refusal(resolveWith(hub, { environment }))).message).toMatch(/org\/tiny.*not in the cache/);
    expect(hub.requests).toEqual([]);
    const folder = await resolveWith(hub);
    await rm(join(folder, shardTwo));
    await rm(join(folder, "config.json"));
    const { message } = await refusal(resolveWith(hub, { environment }));
    expect(message).toContain("config.json");
    expect(message).toContain(shardTwo);
    expect(message).not.toContain(shardOne);
  });

  it("uses the cache when the hub is away", async () => {
    const hub = await start();
    const folder = await resolveWith(hub);
    await hub.close();
    hubs = [];
    expect(await resolveWith(hub)).toBe(folder);
    const error = await refusal(resolveWith(hub, {}, "org/other"));
    expect(error.message).toMatch(/ECONNREFUSED/);
    expect(error.place.url).toContain(hub.endpoint);
  });

  it("takes a blob that another revision brought, and replaces a pointer to nothing", async () => {
    const hub = await start();
    const folder = await resolveWith(hub);
    await hub.close();
    const next = await start({
      commit: "f".repeat(40),
      files: { ...single, "config.json": '{"changed":1}' },
    });
    const updated = await resolveWith(next);
    expect(next.asked()).toEqual(["config.json"]);
    await expectWeights(updated);
    expect((await content(folder, "config.json")).toString()).toBe(config);
    await rm(join(repositoryFolder(), "blobs", weightsBlob));
    await expectWeights(await resolveWith(next));
  });

  it("does not take a blob or a file of the wrong size for the real one", async () => {
    const hub = await start();
    const folder = await resolveWith(hub);
    await writeFile(join(repositoryFolder(), "blobs", weightsBlob), "short");
    await expectWeights(await resolveWith(hub));
    expect((await lstat(join(folder, "model.safetensors"))).isSymbolicLink()).toBe(true);
  });

  it("takes a revision after @, with a slash in it too", async () => {
    const hub = await start();
    const folder = await resolveWith(hub, {}, `${name}@refs/pr/1`);
    expect(await readFile(join(repositoryFolder(), "refs", "refs", "pr", "1"), "utf8")).toBe(hub.commit);
    expect(await resolveWith(hub, {}, `${name}@${hub.commit}`)).toBe(folder);
    expect((await refusal(resolveWith(hub, {}, `${name}@nope`))).message).toMatch(/no revision "nope"/);
  });

  it("reports every byte, and nothing when nothing is fetched", async () => {
    const hub = await start({ files: sharded });
    const events: HubProgress[] = [];
    const onProgress = (progress: HubProgress) => void events.push(progress);
    await resolveWith(hub, { onProgress });
    const wanted = Object.entries(sharded).filter(([file]) => hub.asked().includes(file));
    const total = wanted.reduce((sum, [, body]) => sum + Buffer.from(body).length, 0);
    expect(events.at(-1)).toMatchObject({ done: total, total });
    for (const [file, body] of wanted) {
      const last = events.filter((event) => event.file === file).at(-1);
      expect(last).toMatchObject({ fileDone: Buffer.from(body).length, fileTotal: Buffer.from(body).length });
    }
    for (const event of events) expect(event.done).toBeLessThanOrEqual(event.total);
    events.length = 0;
    await resolveWith(hub, { onProgress });
    expect(events).toEqual([]);
  });
});

describe("a repository that lacks something", () => {
  it.each([
    [
      "safetensors",
      { ...needed, "pytorch_model.bin": "x" },
      /no model\.safetensors.*only pytorch_model\.bin/,
    ],
    ["a tokenizer", { "config.json": config, "model.safetensors": weights }, /no tokenizer\.json/],
    ["a config", { "tokenizer.json": "{}", "model.safetensors": weights }, /no config\.json/],
  ])("without %s is refused before anything is fetched", async (_, files, message) => {
    const hub = await start({ files });
    expect((await refusal(resolveWith(hub))).message).toMatch(message);
    expect(hub.asked()).toEqual([]);
  });

  it("says which shard is not there", async () => {
    const { [shardTwo]: _, ...files } = sharded;
    expect((await refusal(resolveWith(await start({ files })))).message).toContain(shardTwo);
  });

  it("says that the model is not there, or the file", async () => {
    const hub = await start({ faults: { "config.json": [{ kind: "status", status: 404 }] } });
    expect((await refusal(resolveWith(hub, {}, "org/none"))).message).toMatch(/no model "org\/none".*404/);
    expect((await refusal(resolveWith(hub))).message).toMatch(/no file "config\.json"/);
  });
});

describe("names that lead elsewhere", () => {
  const evil = [
    "../../x.safetensors",
    "/tmp/pith-evil.safetensors",
    "..\\x.safetensors",
    "C:x.safetensors",
    "a/../x.safetensors",
  ];

  it.each(evil)("refuses an index that names %j", async (shard) => {
    const hub = await start({
      files: { ...needed, "model.safetensors.index.json": indexOf(shard), [shard]: weights },
    });
    const error = await refusal(resolveWith(hub), "checkpoint");
    expect(error.message).toContain("model.safetensors.index.json");
    expect(hub.asked()).not.toContain(shard);
    expect((await everything(home)).filter((path) => path.includes("x.safetensors"))).toEqual([]);
    expect(existsSync("/tmp/pith-evil.safetensors")).toBe(false);
  });

  it("passes over such names, and such hashes, in a listing", async () => {
    const entry = { type: "file", size: 3, oid: "a".repeat(40) };
    const hub = await start({
      extraEntries: [
        ...evil.map((path) => ({ ...entry, path })),
        { ...entry, path: "special_tokens_map.json", oid: "../../../../escaped" },
        { type: "file" },
        null,
        "text",
      ],
    });
    await resolveWith(hub);
    expect(hub.asked().sort()).toEqual([...Object.keys(needed), "model.safetensors"].sort());
    expect(await readdir(home)).toEqual(["hub"]);
  });

  it("refuses a commit that is a path", async () => {
    const hub = await start({ commit: "../../../../escaped" });
    expect((await refusal(resolveWith(hub))).message).toMatch(/no commit/);
    expect(await readdir(home)).toEqual([]);
  });
});

describe("a bad connection", () => {
  it("goes on where it was cut", async () => {
    const hub = await withFaults({ kind: "cut", after: 50_000 }, { kind: "cut", after: 60_000 });
    const folder = await resolveWith(hub);
    await expectWeights(folder);
    const ranges = weightRequests(hub).map((request) => request.range);
    expect(ranges).toEqual([undefined, "bytes=50000-", "bytes=110000-"]);
  });

  it("leaves .incomplete when it gives up, and goes on there the next time", async () => {
    const hub = await withFaults(
      { kind: "cut", after: 70_000 },
      ...Array<HubFault>(4).fill({ kind: "cut", after: 0 }),
    );
    expect((await refusal(resolveWith(hub))).message).toMatch(/model\.safetensors: the connection/);
    expect(weightRequests(hub)).toHaveLength(5);
    const left = (await blobs()).filter((blob) => blob.includes(weightsBlob));
    expect(left).toEqual([`${weightsBlob}.incomplete`]);
    const partial = await readFile(join(repositoryFolder(), "blobs", `${left[0]}`));
    expect(partial.equals(weights.subarray(0, 70_000))).toBe(true);
    expect(existsSync(join(repositoryFolder(), "refs", "main"))).toBe(false);
    const folder = await resolveWith(hub);
    await expectWeights(folder);
    expect(weightRequests(hub).at(-1)?.range).toBe("bytes=70000-");
    expect((await blobs()).filter((blob) => blob.includes(weightsBlob))).toEqual([weightsBlob]);
  });

  it("goes on after a process that was killed, lock and all", async () => {
    const hub = await start();
    const blob = join(repositoryFolder(), "blobs", weightsBlob);
    const lock = join(home, "hub", ".locks", "models--org--tiny", `${weightsBlob}.pith.lock`);
    const { stdout } = await promisify(execFile)(process.execPath, [
      "-e",
      "console.log(JSON.stringify({host:os.hostname(),pid:process.pid,id:''}))",
    ]);
    for (const file of [blob, lock]) await mkdir(dirname(file), { recursive: true });
    await writeFile(lock, stdout.trim());
    await writeFile(`${blob}.pith-dead.incomplete`, weights.subarray(0, 123_456));
    await expectWeights(await resolveWith(hub));
    expect(weightRequests(hub).map((request) => request.range)).toEqual(["bytes=123456-"]);
    expect(await readdir(dirname(lock))).toEqual([]);
  });

  it("starts over when the server doesn't do ranges", async () => {
    const hub = await withFaults({ kind: "cut", after: 50_000 }, { kind: "ignoreRange" });
    await expectWeights(await resolveWith(hub));
    expect(weightRequests(hub)).toHaveLength(2);
  });

  it("ends, when that server is also cut at the same place every time", async () => {
    const hub = await withFaults(...Array<HubFault>(50).fill({ kind: "ignoreRangeAndCut", after: 50_000 }));
    await refusal(resolveWith(hub));
    expect(weightRequests(hub).length).toBeLessThan(10);
  });

  it("starts over when another range comes than was asked for", async () => {
    const hub = await withFaults({ kind: "cut", after: 50_000 }, { kind: "wrongRange" });
    await expectWeights(await resolveWith(hub));
    expect(weightRequests(hub).map((request) => request.range)).toEqual([
      undefined,
      "bytes=50000-",
      undefined,
    ]);
  });

  it("goes on after a body that ends cleanly but early", async () => {
    const hub = await withFaults({ kind: "truncate", by: 1000 });
    await expectWeights(await resolveWith(hub));
    expect(weightRequests(hub).at(-1)?.range).toBe("bytes=199000-");
  });

  it.each([weights.length - 5, weights.length + 5])("lives with a Content-Length of %d", async (length) => {
    const hub = await withFaults({ kind: "wrongLength", length });
    await expectWeights(await resolveWith(hub));
  });

  it("doesn't wait for ever on a silent connection", async () => {
    const hub = await start({
      faults: {
        "model.safetensors": [{ kind: "stall", after: 40_000 }],
        listing: [{ kind: "stall", after: 0 }],
      },
    });
    await expectWeights(await resolveWith(hub, { timing: { ...timing, idleMs: 300 } }));
    // A machine that is busy for so long has taken less of it, or is silent itself.
    expect(weightRequests(hub).length).toBeGreaterThan(1);
  });

  it("tries metadata again after a cut", async () => {
    const hub = await start({
      faults: { revision: [{ kind: "cut", after: 0 }], listing: [{ kind: "status", status: 502 }] },
    });
    await expectWeights(await resolveWith(hub));
  });
});

describe("a slow connection", () => {
  /** A clock of the test's own: each look at it is a minute later. */
  const clock = () => {
    let minutes = 0;
    return () => 60_000 * minutes++;
  };

  it("is given up when fewer bytes come than the floor, though each attempt gains some", async () => {
    const hub = await start();
    const slow = { ...timing, attempts: 3, now: clock(), slowest: { bytes: 2 ** 30, ms: 60_000 } };
    const error = await refusal(resolveWith(hub, { timing: slow }));
    expect(error.message).toMatch(
      /only \d+ bytes came in 60 s, which is too slow to go on\. Check the network/,
    );
    expect(hub.requests).toHaveLength(3);
  });

  it("is good enough at the floor", async () => {
    const hub = await start();
    const even = { ...timing, now: clock(), slowest: { bytes: 1, ms: 60_000 } };
    await expectWeights(await resolveWith(hub, { timing: even }));
  });
});

describe("JSON that is a bomb", () => {
  it.each(["listing", "revision"])("in the %s is refused before it is parsed", async (which) => {
    const body = "[".repeat(10_000_000);
    const hub = await start({ faults: { [which]: [{ kind: "body", body }] } });
    const error = await refusal(resolveWith(hub));
    expect(error.message).toContain("the answer nests deeper than 64 levels");
  });
});

describe("wrong bytes", () => {
  it("of one response are deleted, and it fails", async () => {
    const hub = await withFaults({ kind: "corrupt" });
    const error = await refusal(resolveWith(hub));
    expect(error.message).toMatch(/sha256.*model\.safetensors.*announced/);
    expect(weightRequests(hub)).toHaveLength(1);
    expect((await blobs()).filter((blob) => blob.includes(weightsBlob))).toEqual([]);
  });

  it("of a small file are noticed too", async () => {
    const hub = await start({ faults: { "config.json": [{ kind: "corrupt" }] } });
    expect((await refusal(resolveWith(hub))).message).toMatch(/git-sha1.*config\.json/);
  });

  it("of a resumed download are fetched once more from the start", async () => {
    const good = await withFaults({ kind: "cut", after: 50_000 }, { kind: "corrupt" });
    await expectWeights(await resolveWith(good));
    expect(weightRequests(good).map((request) => request.range)).toEqual([
      undefined,
      "bytes=50000-",
      undefined,
    ]);
  });

  it("of a whole .incomplete are fetched once more, then it fails", async () => {
    const hub = await withFaults({ kind: "corrupt" });
    const blob = join(repositoryFolder(), "blobs", weightsBlob);
    await mkdir(dirname(blob), { recursive: true });
    await writeFile(`${blob}.incomplete`, Buffer.alloc(weights.length));
    await refusal(resolveWith(hub));
    expect(weightRequests(hub)).toHaveLength(1);
    await writeFile(`${blob}.incomplete`, Buffer.alloc(weights.length + 1));
    await expectWeights(await resolveWith(hub));
  });

  it("too many of them are refused", async () => {
    const hub = await withFaults({ kind: "surplus", bytes: 10 });
    expect((await refusal(resolveWith(hub))).message).toMatch(/longer than the 200000 bytes/);
  });

  it("too few of them are refused", async () => {
    const hub = await start({
      files: { ...needed, "model.safetensors": weights },
      pageSize: 5,
      extraEntries: [
        {
          type: "file",
          path: "model.safetensors",
          size: 1,
          lfs: { oid: weightsBlob, size: weights.length + 9 },
        },
      ],
    });
    expect((await refusal(resolveWith(hub))).message).toMatch(/shorter than the 200009 bytes/);
    expect((await blobs()).filter((blob) => blob.includes(weightsBlob))).toEqual([]);
  });
});

describe("who may read what", () => {
  it("sends HF_TOKEN to the hub and never to the host it redirects to", async () => {
    const hub = await start({ token: "secret-1" });
    const environment = environmentOf(hub, { HF_TOKEN: " secret-1\n" });
    await expectWeights(await resolveWith(hub, { environment }));
    const at = (server: string) => hub.requests.filter((request) => request.server === server);
    expect(new Set(at("hub").map((request) => request.authorization))).toEqual(new Set(["Bearer secret-1"]));
    expect(at("cdn").length).toBeGreaterThan(0);
    expect(new Set(at("cdn").map((request) => request.authorization))).toEqual(new Set([undefined]));
  });

  it("keeps the token on relative redirects, and drops it for good once it was elsewhere", async () => {
    const path = `/${name}/resolve/1234567890abcdef1234567890abcdef12345678/model.safetensors`;
    const hub = await withFaults({ kind: "redirect", to: `${path}?again` });
    const environment = environmentOf(hub, { HF_TOKEN: "secret-2" });
    await resolveWith(hub, { environment });
    const again = hub.requests.find((request) => request.path.endsWith("?again"));
    expect(again?.authorization).toBe("Bearer secret-2");

    const other = await start();
    // Away to another origin, which sends us back to the hub: the token has been left behind.
    other.faults["model.safetensors"] = [
      { kind: "redirect", to: `http://localhost:${new URL(other.endpoint).port}${path}?away` },
    ];
    other.faults["model.safetensors"].push({ kind: "redirect", to: `${other.endpoint}${path}?back` });
    await rm(join(home, "hub"), { recursive: true });
    await resolveWith(other, { environment: environmentOf(other, { HF_TOKEN: "secret-3" }) });
    const sent = (mark: string) => other.requests.find((request) => request.path.endsWith(mark));
    expect(sent("?away")).toMatchObject({ authorization: undefined });
    expect(sent("?back")).toMatchObject({ authorization: undefined });
  });

  it("finds the token's file: HF_TOKEN_PATH, else HF_HOME/token", async () => {
    const hub = await start({ token: "from-file" });
    await writeFile(join(home, "token"), "from-file\n");
    await resolveWith(hub);
    await writeFile(join(home, "elsewhere"), "from-elsewhere");
    const environment = environmentOf(hub, { HF_TOKEN_PATH: join(home, "elsewhere") });
    await refusal(resolveWith(hub, { environment }));
    expect(hub.requests.at(-1)?.authorization).toBe("Bearer from-elsewhere");
  });

  it("says what to do about 401 and 403, and shows no secrets", async () => {
    const hub = await start({ token: "right" });
    expect((await refusal(resolveWith(hub))).advice).toMatch(/set HF_TOKEN/);
    const wrong = environmentOf(hub, { HF_TOKEN: "wrong-secret" });
    const error = await refusal(resolveWith(hub, { environment: wrong }));
    expect(error.message).toMatch(/401.*Invalid credentials.*HF_TOKEN is valid/);
    expect(error.message).not.toContain("wrong-secret");
    const gated = await start({ faults: { "config.json": [{ kind: "status", status: 403 }] } });
    expect((await refusal(resolveWith(gated))).message).toMatch(/403/);
    await refusal(
      resolveWith(hub, { environment: environmentOf(hub, { HF_TOKEN: "a b\u00e9" }) }),
      "options",
    );
  });

  it("asks the hub again when a signed address has expired", async () => {
    const hub = await withFaults({ kind: "ok" });
    hub.faults["model.safetensors"] = [{ kind: "status", status: 403 }];
    await expectWeights(await resolveWith(hub));
    expect(hub.asked().filter((file) => file === "model.safetensors")).toHaveLength(2);
  });

  it("refuses redirects without end, or to something else than http", async () => {
    const path = `/${name}/resolve/1234567890abcdef1234567890abcdef12345678/model.safetensors`;
    const around = await withFaults(...Array<HubFault>(20).fill({ kind: "redirect", to: path }));
    expect((await refusal(resolveWith(around))).message).toMatch(/more than 5 redirects/);
    const file = await withFaults({ kind: "redirect", to: "file:///etc/passwd" });
    expect((await refusal(resolveWith(file))).message).toMatch(/can't be followed/);
  });
});

describe("a busy hub", () => {
  it("is asked again after 429, when it said", async () => {
    const busy: HubFault = { kind: "status", status: 429, headers: { "retry-after": "1" } };
    const hub = await start({
      faults: { "config.json": [busy], "model.safetensors": [busy, { kind: "status", status: 503 }] },
    });
    pauses.length = 0;
    await expectWeights(await resolveWith(hub, { timing: { ...timing, longestDelayMs: 40 } }));
    // Retry-After says a second; the longest pause is what bounds it. The third fault says nothing: a millisecond,
    // or two after a second failure in a row, and a quarter more or less.
    const [first, second, third, ...others] = pauses.toSorted((a, b) => b - a);
    expect([first, second, others]).toEqual([40, 40, []]);
    expect(third).toBeLessThan(2.5);
  });

  it("is given up on in the end", async () => {
    const hub = await start({
      faults: { revision: Array<HubFault>(20).fill({ kind: "status", status: 429 }) },
    });
    expect((await refusal(resolveWith(hub))).message).toMatch(/too many requests \(429\)/);
    expect(hub.requests).toHaveLength(5);
  });
});

describe("the environment", () => {
  it("takes an endpoint with a path, and refuses what is none", async () => {
    const hub = await start({ prefix: "/mirror/hf" });
    const environment = environmentOf(hub, { HF_ENDPOINT: `${hub.endpoint}/` });
    await expectWeights(await resolveWith(hub, { environment }));
    for (const HF_ENDPOINT of ["ftp://x", "nonsense", "http://user:pass@x"]) {
      const error = await refusal(
        resolveWith(hub, { environment: environmentOf(hub, { HF_ENDPOINT }) }),
        "options",
      );
      expect(error.message).not.toContain("pass");
    }
  });

  it.each([
    [{ HF_HUB_CACHE: "$HOME/a" }, "user/a"],
    [{ HF_HUB_CACHE: "~/a", HF_HOME: "/ignored" }, "user/a"],
    [{ HUGGINGFACE_HUB_CACHE: "$HOME/old" }, "user/old"],
    [{ HF_HOME: "~/b" }, "user/b/hub"],
    [{ XDG_CACHE_HOME: "~/c" }, "user/c/huggingface/hub"],
    [{}, "user/.cache/huggingface/hub"],
  ])("finds the cache by %j", async (variables, expected) => {
    const hub = await start();
    const environment = { HF_ENDPOINT: hub.endpoint, HOME: join(home, "user"), ...variables };
    const folder = await resolveWith(hub, { environment });
    expect(folder).toBe(join(home, expected, "models--org--tiny", "snapshots", hub.commit));
  });
});

describe("stopping", () => {
  it("stops at once, and leaves what can be resumed and nothing else", async () => {
    const hub = await withFaults({ kind: "stall", after: 80_000 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const [result] = await Promise.allSettled([
      resolveWith(hub, { signal: controller.signal }),
      untilStored(80_000).then(() => controller.abort(reason)),
    ]);
    expect(result).toEqual({ status: "rejected", reason });
    expect((await blobs()).filter((blob) => blob.includes(weightsBlob))).toEqual([
      `${weightsBlob}.incomplete`,
    ]);
    expect(await readdir(join(home, "hub", ".locks", "models--org--tiny"))).toEqual([]);
    await expectWeights(await resolveWith(hub));
    expect(weightRequests(hub).at(-1)?.range).toBe("bytes=80000-");
  });

  it("asks nobody when it is stopped before it starts", async () => {
    const hub = await start();
    await expect(resolveWith(hub, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(hub.requests).toEqual([]);
  });
});

describe("others at the same time", () => {
  it("two calls in one process fetch each file once", async () => {
    const hub = await start({ slowness: 5 });
    const [one, two] = await Promise.all([resolveWith(hub), resolveWith(hub)]);
    expect(one).toBe(two);
    await expectWeights(one);
    expect(weightRequests(hub)).toHaveLength(1);
    expect(
      (await everything(join(home, "hub"))).filter((path) => /lock$|incomplete|tmp$/.test(path)),
    ).toEqual([]);
  });

  it("a call that waits for another can be stopped, and goes on when the other fails", async () => {
    const hub = await withFaults({ kind: "stall", after: 30_000 });
    const first = new AbortController();
    const one = resolveWith(hub, { signal: first.signal });
    await untilStored(30_000);
    const second = new AbortController();
    const two = resolveWith(hub, { signal: second.signal });
    const three = resolveWith(hub);
    setTimeout(() => second.abort(), 50);
    await expect(two).rejects.toMatchObject({ name: "AbortError" });
    first.abort();
    await expect(one).rejects.toMatchObject({ name: "AbortError" });
    await expectWeights(await three);
    expect(weightRequests(hub).map((request) => request.range)).toEqual([undefined, "bytes=30000-"]);
  });
});

describe("the disk", () => {
  it.runIf(existsSync("/dev/full"))("says that it is full", async () => {
    const hub = await start();
    const blob = join(repositoryFolder(), "blobs", weightsBlob);
    await mkdir(dirname(blob), { recursive: true });
    await symlink("/dev/full", `${blob}.incomplete`);
    expect((await refusal(resolveWith(hub), "output")).message).toMatch(/disk is full/);
  });

  it("says that the cache can't be written to", async () => {
    const hub = await start();
    await writeFile(join(home, "hub"), "a file, where a folder should be");
    await refusal(resolveWith(hub), "output");
  });
});
