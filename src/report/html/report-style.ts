/** Rules that only the circuit report needs. */
export const reportStyle = `
.circuit { border-top: 1px solid var(--line-strong); padding-top: 1.4rem; }
.flow { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; }
.flow > section { flex: 0 1 auto; min-width: 0; max-width: 37rem; } .flow > section:first-child { max-width: 31rem; }
.flow > section:first-child figcaption { max-width: 21rem; }
.unit { font-size: 1rem; font-weight: 500; letter-spacing: 0; }
.chances { list-style: none; margin: .3rem 0 0; padding: 0; display: grid; gap: .2rem; }
.chances li { display: grid; grid-template-columns: minmax(0, 1fr) 4.2rem; gap: .5rem; align-items: center; font-size: .875rem; }
.chances .what { position: relative; padding: .1rem .4rem; border-radius: .3rem; background: var(--tint); overflow: hidden; min-width: 0; }
.chances .what::before { content: ""; position: absolute; inset: 0 auto 0 0; width: var(--p); background: var(--bar); opacity: .28; }
.chances .what code { position: relative; white-space: pre-wrap; overflow-wrap: anywhere; }
.chances .accepted code { font-weight: 700; text-decoration: underline; text-underline-offset: .2em; }
.chances .p { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
.pair { display: grid; gap: .4rem 1.4rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); }
.pair > * { min-width: 0; }
.pair .who { margin: .4rem 0 0; font-size: .8125rem; font-weight: 600; color: var(--soft); }
.example { margin: .8rem 0; }
.example header { display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: baseline; }
.example .prompt { margin: .3rem 0; }
.verdict { font-weight: 650; }
.heads { display: grid; gap: 1rem 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17.5rem), 1fr)); }
.heads figure { margin: 0; } .heads figcaption { margin: 0 0 .2rem; font-weight: 600; color: var(--ink); }
.missing { color: var(--soft); border-left: 3px solid var(--line-strong); padding: .1rem 0 .1rem .8rem; }
`;
