/** The most likely next tokens as bars of their probabilities. */
import type { TokenProbability } from "../../src/server/api.ts";
import { showToken } from "./tokens.tsx";

export interface TokenBarsProps {
  readonly label: string;
  readonly top: readonly TokenProbability[];
  /** Another model's probabilities to show beside them, by token id. */
  readonly beside?: ReadonlyMap<number, number> | undefined;
  readonly besideName?: string;
}

export function TokenBars({ label, top, beside, besideName = "" }: TokenBarsProps) {
  return (
    <table class="bars">
      <caption class="visually-hidden">{label}</caption>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">token</th>
          <th scope="col">bar</th>
          <th scope="col">probability</th>
        </tr>
      </thead>
      <tbody>
        {top.map(({ id, text, probability }) => {
          const other = beside?.get(id);
          return (
            <tr key={id}>
              <th scope="row">
                <span class="token">{showToken(text)}</span>
              </th>
              <td class="bar-room">
                <span class="bar" style={{ width: `${(100 * probability).toFixed(2)}%` }} />
                {other !== undefined && (
                  <span
                    class="bar-tick"
                    title={`${besideName}: ${percent(other)}`}
                    style={{ left: `${(100 * other).toFixed(2)}%` }}
                  />
                )}
              </td>
              <td class="number">{percent(probability)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return `${(100 * share).toFixed(1)} %`;
}
