/** Makes one zip archive of files while it is sent, without a second copy of the weights on disk or in memory. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { Zip, ZipDeflate, ZipPassThrough } from "fflate";
import { Refusal } from "./answer-error.ts";
import type { ListedFile } from "./listed-files.ts";

/** The limit of the format without its 64-bit extension, which fflate does not write. */
const largestArchive = 2 ** 32 - 2 ** 20;

/** @param folder the folder that contains all files in the archive. @throws Refusal 413 for more than 4 GiB. */
export function zipFiles(files: readonly ListedFile[], folder: string): ReadableStream<Uint8Array> {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > largestArchive) {
    throw new Refusal(413, "size", "A zip archive holds 4 GiB at most. Copy the folder instead.");
  }
  return Readable.toWeb(Readable.from(archive(files, folder))) as ReadableStream<Uint8Array>;
}

async function* archive(files: readonly ListedFile[], folder: string): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let failure: Error | undefined;
  const zip = new Zip((error, chunk) => {
    if (error) failure = error;
    else ready.push(chunk);
  });
  function* take(): Generator<Uint8Array> {
    if (failure !== undefined) throw failure;
    const chunks = ready;
    ready = [];
    yield* chunks;
  }
  for (const { name, path, modified } of files) {
    // Compression does not make weights smaller.
    const packs = !/\.(onnx_data|wasm|png|woff2)$/.test(name);
    const entry = packs
      ? new ZipDeflate(`${folder}/${name}`, { level: 6 })
      : new ZipPassThrough(`${folder}/${name}`);
    entry.mtime = modified;
    zip.add(entry);
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
      entry.push(chunk as Uint8Array);
      yield* take();
    }
    entry.push(new Uint8Array(), true);
    yield* take();
  }
  zip.end();
  yield* take();
}
