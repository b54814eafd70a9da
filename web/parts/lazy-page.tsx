/** A page whose code is loaded when it is first opened. */
import type { ComponentType, FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Fault, faultOf } from "../data/api-client.ts";
import { FaultNotice, Loading } from "./notice.tsx";

export function lazyPage<P extends object>(load: () => Promise<ComponentType<P>>): FunctionComponent<P> {
  let loaded: ComponentType<P> | undefined;
  return function LazyPage(props: P) {
    const [, setReady] = useState(loaded !== undefined);
    const [fault, setFault] = useState<Fault | undefined>(undefined);
    useEffect(() => {
      if (loaded !== undefined) return;
      load().then(
        (page) => {
          loaded = page;
          setReady(true);
        },
        (thrown) => setFault(faultOf(thrown)),
      );
    }, []);
    if (fault !== undefined) return <FaultNotice fault={fault} />;
    const Page = loaded;
    return Page === undefined ? <Loading what="Opening…" /> : <Page {...props} />;
  };
}
