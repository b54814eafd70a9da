/** Starts the page of a shared circuit; its data is in site.json beside it. */
import { render } from "preact";
import type { FileRecord } from "../../src/export/checksum.ts";
import { type SiteFile, siteFileName, siteFormat } from "../../src/export/site-file.ts";
import "../data/theme.ts";
import { fetchJson } from "../inference/fetch-file.ts";
import { FaultNotice, Loading } from "../parts/notice.tsx";
import { SharePage } from "./share-page.tsx";

const host = document.getElementById("app");
if (host !== null) {
  host.replaceChildren();
  render(<Loading what="Opening…" />, host);
  readSite().then(
    (site) => render(<SharePage site={site} />, host),
    (thrown) => {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      const advice = "Copy the whole site; it needs a web server, if only `npx http-server`.";
      render(
        <main>
          <FaultNotice fault={{ code: "page", message: `${siteFileName}: ${message}`, advice }} />
        </main>,
        host,
      );
    },
  );
}

/** The page contains the expected record of its site.json. */
function expectedSite(): FileRecord | undefined {
  const content = document.querySelector("meta[name=pith-site]")?.getAttribute("content");
  return content ? JSON.parse(content) : undefined;
}

async function readSite(): Promise<SiteFile> {
  const url = new URL(siteFileName, document.baseURI).href;
  const site = (await fetchJson(url, { expected: expectedSite() })) as SiteFile;
  if (site.format !== siteFormat) throw new Error(`its format is not ${siteFormat}`);
  return site;
}
