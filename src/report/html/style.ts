/**
 * The style sheet of every self-contained page: light or dark by the reader's preference, without any download.
 * Colours are custom properties, which pictures use too, so that they also follow light and dark.
 */
import { preferredColours } from "./page-colours.ts";

export const styleSheet = `${preferredColours}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  overflow-wrap: break-word;
}
main, .masthead, .footer { max-width: 68rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
.masthead { padding-top: clamp(1.5rem, 5vw, 3.5rem); }
.masthead p { max-width: 46rem; }
.kicker {
  margin: 0; color: var(--soft); font-size: .8125rem; font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase;
}
h1 { margin: .2rem 0 .6rem; font-size: clamp(1.6rem, 4.5vw, 2.4rem); line-height: 1.15; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0 0 .35rem; font-size: 1.35rem; line-height: 1.25; letter-spacing: -.01em; }
h3 { margin: 1.6rem 0 .35rem; font-size: 1.05rem; line-height: 1.3; }
h4 { margin: 1.1rem 0 .3rem; font-size: .95rem; }
p { margin: .4rem 0 .8rem; }
.lead { font-size: 1.1rem; color: var(--soft); }
.note, figcaption, caption, .hint { color: var(--soft); font-size: .875rem; }
section { margin: clamp(1.8rem, 4vw, 2.8rem) 0; }
section > p, section > .note { max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .15em; }
code, .token, .prompt { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em; }
.prompt { white-space: pre-wrap; overflow-wrap: anywhere; }
.token { white-space: pre-wrap; background: var(--tint); border-radius: .25em; padding: .05em .3em; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.15rem; }
.cards { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.2rem), 1fr)); margin: 1rem 0; }
.columns { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); align-items: start; }
.columns > *, .cards > * { min-width: 0; }
.figure-value { display: block; font-size: clamp(1.35rem, 3.4vw, 1.75rem); font-weight: 650; line-height: 1.2; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.card .label { display: block; font-size: .8125rem; color: var(--soft); }
.card .detail { display: block; font-size: .875rem; color: var(--soft); }
figure { margin: 1rem 0 0; min-width: 0; }
figcaption { margin-top: .4rem; max-width: 46rem; }
svg { max-width: 100%; height: auto; }
svg text { font-family: inherit; }
.scroll { overflow-x: auto; max-width: 100%; -webkit-overflow-scrolling: touch; }
.scroll svg { max-width: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
table { border-collapse: collapse; width: 100%; font-size: .925rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .8125rem; font-weight: 600; border-bottom-color: var(--line-strong); white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 550; }
@media (min-width: 48rem) { tbody th { white-space: nowrap; } }
td > .hint { display: block; min-width: 15rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, caption, tbody, tr, tbody th, td { display: block; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  tbody th, td, td.number { padding: .1rem 0; border: 0; text-align: left; white-space: normal; }
  td { display: flow-root; }
  td[data-label]:not([data-label=""])::before { content: attr(data-label); float: left; width: 8.5rem; padding-right: .6rem; color: var(--soft); }
  td > .hint { min-width: 0; }
  td:empty { display: none; }
}
details { border: 1px solid var(--line); border-radius: .6rem; background: var(--card); margin: .6rem 0; }
summary { cursor: pointer; padding: .55rem .9rem; font-weight: 550; border-radius: .6rem; }
details[open] > summary { border-bottom: 1px solid var(--line); border-radius: .6rem .6rem 0 0; }
.inside { padding: .7rem .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; padding: 0; margin: 1rem 0 0; list-style: none; font-size: .925rem; }
dl.facts { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1.2rem; margin: .6rem 0; font-size: .925rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); }
.footer { color: var(--soft); font-size: .875rem; padding-bottom: 3rem; }
.footer > * { border-top: 1px solid var(--line); padding-top: 1rem; }
@media print { details { break-inside: avoid; } body { background: #fff; } }
`;
