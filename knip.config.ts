/**
 * Finds what nothing uses: files, exports, dependencies. Entries of the library, the command line and the pages are
 * found by knip itself, in tsdown's and Vite's configuration; those with a `!` are shipped. `knip --production` starts
 * from what is shipped alone, and so finds exports that only tests, builds and measurements use: a unit worth testing by
 * itself has `@internal` in its docstring, and everything else that it finds is dead.
 */
import type { KnipConfig } from "knip";

const config: KnipConfig = {
  entry: [
    // By <link> in the pages.
    "web/{share/share,style/app}.css!",
    "bench/{index,flips,studio-smoothness}.ts",
    // Programs that tests start.
    "test/support/{fill-folder.ts,kill-at.mjs}",
    "examples/*.ts",
  ],
  project: [
    "src/**/*.ts!",
    "!src/**/*.test.ts!",
    "!src/**/testing.ts!",
    "web/**/*.{ts,tsx,css}!",
    "!web/**/*.test.ts!",
    "!web/testing.ts!",
    "{bench,test}/**/*.{ts,mjs}",
    "{examples,licences}/*.ts",
    "*.ts",
  ],
  // Tests open these by a path.
  ignoreDependencies: ["@sparticuz/chromium", "axe-core"],
  // Programs of the system, in tests that skip where they are missing.
  ignoreBinaries: ["mkfifo", "mount", "umount"],
  compilers: {
    css: (text: string) => [...text.matchAll(/(?<=@)import[^;]+/g)].join("\n"),
  },
};

export default config;
