/** Sizes in bytes as people write them, in decimal units: "3GB", "512 MB". */

const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;

/** @returns undefined for a text that is no size. */
export function parseByteSize(text: string): number | undefined {
  const [, count = "", unit = ""] = /^\s*(\d+\.?\d*|\.\d+)\s*([KMGT]?B)\s*$/i.exec(text) ?? [];
  const factor = units[unit.toUpperCase() as keyof typeof units];
  return factor === undefined ? undefined : Math.round(Number(count) * factor);
}

/** "2.94 GB", "512 MB". A bound that must not be less is rounded up: see `up`. */
export function byteSizeInWords(bytes: number, up = false): string {
  const [unit, factor] = bytes >= 1e9 ? (["GB", 1e9] as const) : (["MB", 1e6] as const);
  const digits = unit === "GB" ? 100 : 1;
  const scaled = (bytes / factor) * digits;
  return `${(up ? Math.ceil(scaled - 1e-9) : Math.round(scaled)) / digits} ${unit}`;
}
