/**
 * Makes one zip archive of a circuit's files in the browser: a static host makes none, and storing one would
 * double the site's size.
 */
import { Zip, ZipDeflate, ZipPassThrough } from "fflate";
import type { SharedCircuit } from "../../src/export/site-file.ts";
import { fetchBytes } from "../inference/fetch-file.ts";

/**
 * @param onBytes gets the number of loaded bytes. @throws PithError "circuit" for a file that can't be loaded.
 */
export async function zipCircuit(
  { name: folder, path, files }: SharedCircuit,
  onBytes: (done: number) => void,
): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let failure: Error | undefined;
  const zip = new Zip((error, chunk) => {
    if (error) failure = error;
    else parts.push(chunk as Uint8Array<ArrayBuffer>);
  });
  let done = 0;
  for (const expected of files) {
    const { name } = expected;
    const url = new URL(path + name, document.baseURI).href;
    const bytes = await fetchBytes(url, { expected, onBytes: (loaded) => onBytes(done + loaded) });
    done += bytes.length;
    // Compression does not make weights smaller.
    const place = `${folder}/${name}`;
    const entry = name.endsWith(".onnx_data")
      ? new ZipPassThrough(place)
      : new ZipDeflate(place, { level: 6 });
    zip.add(entry);
    entry.push(bytes, true);
    if (failure !== undefined) throw failure;
  }
  zip.end();
  if (failure !== undefined) throw failure;
  return new Blob(parts, { type: "application/zip" });
}
