/** Text as the model sees it: as tokens, with visible spaces. */

import { printableText } from "../../src/printable.ts";
import { visibleToken } from "../../src/report/maps/svg.ts";

export function Tokens({ tokens, label }: { readonly tokens: readonly string[]; readonly label?: string }) {
  return (
    <span class="tokens">
      {label !== undefined && <span class="visually-hidden">{label}</span>}
      {tokens.map((token, index) => (
        <span class="token" key={index}>
          {showToken(token)}
        </span>
      ))}
    </span>
  );
}

/** " Mary" → "·Mary". */
export function showToken(token: string): string {
  return visibleToken(printableText(token));
}
