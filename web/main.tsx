/** Starts the studio in its page. */
import { render } from "preact";
import { App } from "./app.tsx";
import "./data/theme.ts";

const host = document.getElementById("app");
if (host !== null) render(<App />, host);
