import { describe, expect, test } from "vitest";
import { createWeightMeter, type Room } from "./room.ts";

const room = (weightBytes: number, fileBytes = 0): Room => ({
  ...{ bound: 2e9, weightBytes, fileBytes, tokensAtOnce: 8, logitRows: 2, streams: undefined },
});

const session = { unload: async () => {} };
const loads = async () => session;
const fails = async () => {
  throw new Error("no such operator");
};

describe("the weights of a runtime's sessions", () => {
  test("take three times their size while they are loaded, and once after that", async () => {
    const meter = createWeightMeter(room(500e6));
    const { unload } = await meter.session(100e6, async () => {
      // 300 MB are taken.
      expect(meter.hasRoomAhead(() => 50e6)).toBe(true);
      expect(meter.hasRoomAhead(() => 50e6 + 1)).toBe(false);
      await expect(meter.session(67e6, loads)).rejects.toThrow("of which 300 MB are taken");
      return session;
    });
    await expect(meter.session(100e6, fails)).rejects.toThrow("no such operator");
    // 100 MB are held: 3 × 133 MB fit beside them, 3 × 134 do not.
    await (await meter.session(133e6, loads)).unload();
    await expect(meter.session(134e6, loads)).rejects.toThrow(
      'memory": the bound of 2 GB leaves 500 MB for weights here, of which 100 MB are taken: loading the next ones takes 402 MB. Go on with --resume and a bound of at least 2.01 GB: what was found so far is kept.',
    );
    await unload();
    await meter.session(166e6, loads);
  });

  test("of a file are mapped, packed where there is room, and may take what the other steps leave", async () => {
    const meter = createWeightMeter(room(100e6, 700e6));
    const seen: boolean[] = [];
    const file = (plain: number, packed: number) =>
      meter.file({ plain, packed }, async (packs) => {
        seen.push(packs);
        return session;
      });
    const plain = await file(400e6, 701e6);
    await expect(file(301e6, 301e6)).rejects.toThrow("leaves 700 MB for weights here, of which 400 MB");
    await file(100e6, 300e6);
    await expect(meter.session(1, loads)).rejects.toThrow("leaves 100 MB");
    await plain.unload();
    await file(400e6, 500e6);
    expect(seen).toEqual([false, true, false]);
  });

  test("of the next layer are loaded ahead if a layer still fits beside them", async () => {
    const meter = createWeightMeter(room(500));
    expect(meter.hasRoomAhead(() => 125)).toBe(true);
    expect(meter.hasRoomAhead(() => 126)).toBe(false);
    await meter.session(100, loads);
    expect(meter.hasRoomAhead(() => 100)).toBe(true);
    expect(meter.hasRoomAhead(() => 101)).toBe(false);
  });

  test("have no bound without a room", async () => {
    const meter = createWeightMeter(undefined);
    await meter.session(1e15, loads);
    await meter.file({ plain: 1e15, packed: 1e16 }, loads);
    expect(meter.hasRoomAhead(() => 1e15)).toBe(true);
  });
});
