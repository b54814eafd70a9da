/**
 * Collects, when the web apps are built, the licence texts of all that goes into them, in one file beside them:
 * whoever passes the apps on, as a shared site does, must pass these on too. Vite finds the packages and their
 * texts. Texts that a package leaves out stand in this folder under the package's name; ONNX Runtime's are those of
 * its release of the same version for Python.
 */
import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { licencesFileName } from "../src/export/site-file.ts";

/** For Vite's `build.license`; it is no part of what is built. */
export const licenceList = "licences.json";

interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly text?: string;
}

export const licences: Plugin = {
  name: "licences",
  enforce: "post",
  generateBundle: {
    order: "post",
    async handler(_, bundle) {
      const list = bundle[licenceList];
      if (list?.type !== "asset") throw new Error(`Vite has made no ${licenceList}.`);
      const packages = JSON.parse(String(list.source)) as readonly BundledPackage[];
      delete bundle[licenceList];
      const sections = [
        section("Pith", await read("../LICENSE")),
        ...(await Promise.all(
          packages.map(async ({ name, version, text }) =>
            section(`${name} ${version}`, text ?? (await read(`${name}.txt`))),
          ),
        )),
        section("Parts of ONNX Runtime's WebAssembly", await read("onnxruntime-web-notices.txt")),
      ];
      this.emitFile({ type: "asset", fileName: licencesFileName, source: sections.join("\n") });
    },
  },
};

function section(title: string, text: string): string {
  const rule = "=".repeat(80);
  return `${rule}\n${title}\n${rule}\n\n${text.trim()}\n`;
}

/** @throws Error when a package brings no text and none stands here. */
function read(name: string): Promise<string> {
  return readFile(new URL(name, import.meta.url), "utf8");
}
