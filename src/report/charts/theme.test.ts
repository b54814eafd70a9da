import { describe, expect, test } from "vitest";
import { preferredColours } from "../html/page-colours.ts";
import { fileTheme, pageTheme } from "./theme.ts";

type Colour = readonly [red: number, green: number, blue: number];

/** Linear light, 0 … 1. */
function linear(hex: string): Colour {
  const part = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

function luminance([red, green, blue]: Colour): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG's contrast. */
function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(linear(a)), luminance(linear(b))].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** Machado, Oliveira and Fernandes 2009, severity 1. */
const blindness = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
} as const;

/** CIE L*a*b* (D65) of what somebody sees. */
function seen(hex: string, matrix: (typeof blindness)[keyof typeof blindness]): Colour {
  const light = linear(hex);
  const [r = 0, g = 0, b = 0] = matrix.map((row) =>
    Math.min(1, Math.max(0, row[0] * light[0] + row[1] * light[1] + row[2] * light[2])),
  );
  const f = (value: number) => (value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value + 16) / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const distance = (a: Colour, b: Colour) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

const [light = "", dark = ""] = preferredColours.split("@media");
const value = (style: string, name: string) => new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(style)?.[1] ?? "";

describe.each([
  ["file", fileTheme.mean, fileTheme.zero, fileTheme.background],
  ["light page", value(light, "mean-ablation"), value(light, "zero-ablation"), "#ffffff"],
  ["dark page", value(dark, "mean-ablation"), value(dark, "zero-ablation"), "#1b1f24"],
])("%s", (_, mean, zero, background) => {
  test("lines stand out from the background by 3 to 1 (WCAG 1.4.11)", () => {
    expect(contrast(mean, background)).toBeGreaterThan(3);
    expect(contrast(zero, background)).toBeGreaterThan(3);
  });

  test.each(Object.entries(blindness))("mean and zero stay apart under %s", (_name, matrix) => {
    // A difference of 20 is seen at a glance; of 2, side by side.
    expect(distance(seen(mean, matrix), seen(zero, matrix))).toBeGreaterThan(20);
  });
});

test("text reads on the background by 4.5 to 1, and a page's colours fall back on a file's", () => {
  for (const ink of [fileTheme.ink, fileTheme.soft]) {
    expect(contrast(ink, fileTheme.background)).toBeGreaterThan(4.5);
  }
  for (const [name, colour] of Object.entries(pageTheme)) {
    expect(colour).toContain(`, ${fileTheme[name as keyof typeof fileTheme]})`);
  }
});
