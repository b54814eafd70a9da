/** A link that saves a file which the server makes. */
import { useState } from "preact/hooks";
import { type Fault, serverGone } from "../data/api-client.ts";
import { FaultNotice } from "../parts/notice.tsx";

export interface DownloadProps {
  readonly path: string;
  readonly label: string;
  readonly primary?: boolean;
}

/** A link, so that the browser itself saves the file. A request first checks that the file exists. */
export function Download({ path, label, primary = false }: DownloadProps) {
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const check = async (event: MouseEvent) => {
    event.preventDefault();
    const link = event.currentTarget;
    setFault(undefined);
    const asked = await fetch(path, { method: "HEAD" }).catch(() => undefined);
    serverGone.value = asked === undefined;
    if (asked?.ok === true && link instanceof HTMLAnchorElement) save(link.href);
    else
      setFault({
        code: "output",
        message: asked === undefined ? "The server does not answer." : await reason(path),
      });
  };
  return (
    <>
      <p>
        <a
          class={primary ? "button primary" : "button"}
          href={path}
          download=""
          onClick={(event) => void check(event)}
        >
          {label}
        </a>
      </p>
      {fault !== undefined && <FaultNotice fault={fault} />}
    </>
  );
}

function save(href: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = "";
  link.click();
}

async function reason(path: string): Promise<string> {
  try {
    const body = (await (await fetch(path)).json()) as { readonly error?: Fault };
    return body.error?.message ?? "There is nothing to download.";
  } catch {
    return "There is nothing to download.";
  }
}
