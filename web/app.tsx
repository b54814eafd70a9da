/** The frame around every page: name, navigation, theme, and errors above the content. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { get, outOfTouch, serverGone } from "./data/api-client.ts";
import { type Route, route } from "./data/router.ts";
import { chooseTheme, type Theme, theme } from "./data/theme.ts";
import { Empty } from "./parts/notice.tsx";
import { RunPage } from "./run-page.tsx";
import { RunsPage } from "./runs-page.tsx";
import { StartPage } from "./start/start-page.tsx";

export function App() {
  const here = route.value;
  const main = useRef<HTMLElement>(null);
  const place = here.page === "run" ? `${here.id}/${here.tab}` : here.page;
  const first = useRef(true);
  // The focus moves together with the content. If it moved after the next frame, it would be taken from an
  // element that was focused in the meantime, and keys meant for that element would be lost.
  useLayoutEffect(() => {
    // A new page begins at its top, visually and for screen readers.
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    first.current = false;
  }, [place]);
  return (
    <>
      <button type="button" class="skip button" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="#/" aria-label="Pith studio">
          <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
            <circle cx="16" cy="16" r="14" class="brand-ring" />
            <circle cx="16" cy="16" r="6.5" class="brand-core" />
          </svg>
          Pith <span class="brand-soft">studio</span>
        </a>
        <nav aria-label="Main">
          <a href="#/" aria-current={here.page === "start" ? "page" : undefined}>
            New
          </a>
          <a href="#/runs" aria-current={here.page === "runs" ? "page" : undefined}>
            Runs
          </a>
        </nav>
        <ThemeChoice />
      </header>
      {outOfTouch.value && <ServerGone />}
      <main id="content" ref={main} tabIndex={-1}>
        <Page here={here} />
      </main>
    </>
  );
}

function Page({ here }: { readonly here: Route }) {
  if (here.page === "start") return <StartPage />;
  if (here.page === "runs") return <RunsPage />;
  if (here.page === "run") return <RunPage key={here.id} id={here.id} tab={here.tab} />;
  return (
    <>
      <h1>Nothing here</h1>
      <Empty title="This address leads to no page.">
        <p>
          <a href="#/">Start a run</a>, or look at <a href="#/runs">those that there are</a>.
        </p>
      </Empty>
    </>
  );
}

function ServerGone() {
  useEffect(() => {
    const timer = setInterval(() => void get("/api/info").catch(() => undefined), 2000);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="gone" role="alert">
      {serverGone.value ? (
        <>
          <strong>The studio's server does not answer.</strong> Start <code>pith studio</code> again and open
          the address that it prints; runs go on where they were.
        </>
      ) : (
        <>
          <strong>The studio was started anew.</strong> Open the address that <code>pith studio</code> has
          printed; this page then goes on.
        </>
      )}
    </div>
  );
}

const themes: readonly (readonly [Theme, string])[] = [
  ["auto", "Auto"],
  ["light", "Light"],
  ["dark", "Dark"],
];

function ThemeChoice() {
  return (
    <label class="theme">
      <span class="visually-hidden">Colours</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => {
          const chosen = themes.find(([name]) => name === currentTarget.value);
          if (chosen !== undefined) chooseTheme(chosen[0]);
        }}
      >
        {themes.map(([name, label]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
