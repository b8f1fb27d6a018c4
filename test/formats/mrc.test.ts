import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.js";
import { openMrc, splitKindSuffix } from "../../src/formats/mrc/index.js";
import { openFile } from "../../src/formats/node.js";
import { bytesSource } from "../../src/formats/source.js";
import { makeMrc, naivePixel } from "../fuzz/mrc.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-mrc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const openBytes = (bytes: Uint8Array, name = "test.mrc") => openMrc(bytesSource(bytes, name));
const bytesPerRow = (mode: number, columns: number) =>
  mode === 101 ? Math.ceil(columns / 2) : columns * (mode === 2 ? 4 : mode === 0 ? 1 : 2);

describe("reading", () => {
  test("every mode, byte order, axis order and extended header equals a naive reading", async () => {
    const shape = fc.record({
      mode: fc.constantFrom(0, 1, 2, 6, 12, 101),
      little: fc.boolean(),
      size: fc.tuple(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
      ),
      axes: fc.constantFrom([1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]),
      extended: fc.uint8Array({ maxLength: 100 }),
      imod: fc.constantFrom(undefined, 0, 1),
      data: fc.uint8Array({ minLength: 840, maxLength: 840 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ mode, little, size, axes, extended, imod, data }) => {
        const stride = bytesPerRow(mode, size[0]);
        const bytes = makeMrc({
          size,
          mode,
          little,
          axes: axes as [number, number, number],
          extended,
          data: data.subarray(0, stride * size[1] * size[2]),
          edit: (view) => {
            if (imod === undefined) return;
            view.setInt32(152, 1146047817, little);
            view.setInt32(156, imod, little);
          },
        });
        const file = await openBytes(bytes);
        const volume = await file.readVolume();
        const view = new DataView(bytes.buffer);
        const extent = [0, 0, 0];
        for (const [i, axis] of axes.entries()) extent[axis - 1] = size[i];
        expect(file.size).toEqual(extent);
        for (let index = 0; index < size[0] * size[1] * size[2]; index++) {
          const at = [0, 0, 0];
          at[axes[0] - 1] = index % size[0];
          at[axes[1] - 1] = Math.floor(index / size[0]) % size[1];
          at[axes[2] - 1] = Math.floor(index / size[0] / size[1]);
          const naive = naivePixel(view, 1024 + extended.length, index, size[0], mode, little, imod !== 0);
          expect(volume[at[0] + extent[0] * (at[1] + extent[1] * at[2])]).toEqual(Math.fround(naive));
        }
        if (axes[2] === 3) {
          const last = await file.readImages(size[2] - 1, 1);
          expect(last).toEqual(volume.slice(-last.length));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a file without the MAP id and machine stamp is read in both byte orders", async () => {
    for (const little of [true, false]) {
      const data = new Uint8Array(8);
      new DataView(data.buffer).setFloat32(4, 2.5, little);
      const bytes = makeMrc({ size: [2, 1, 1], mode: 2, little, data });
      bytes.fill(0, 208, 216);
      const file = await openBytes(bytes);
      expect([file.header.hasId, file.header.littleEndian, (await file.readVolume())[1]]).toEqual([
        false,
        little,
        2.5,
      ]);
    }
  });

  test("pixel size, origin, symmetry records and kind", async () => {
    const extended = new TextEncoder().encode("X,  Y,  Z".padEnd(80) + "-X,  -Y,  Z".padEnd(80));
    const make = (edit: (view: DataView) => void) =>
      makeMrc({ size: [2, 2, 3], mode: 0, extended, data: new Uint8Array(12), edit });
    const map = await openBytes(make((view) => view.setFloat32(196, 7, true)));
    expect([map.pixelSize, map.header.origin, map.symmetryRecords, map.kind]).toEqual([
      [1.5, 1.5, 1.5],
      [7, 0, 0],
      ["X,  Y,  Z", "-X,  -Y,  Z"],
      "volume",
    ]);
    const stackHeader = (view: DataView) => {
      view.setInt32(88, 0, true);
      view.setInt32(36, 1, true);
      view.setFloat32(48, 0, true);
    };
    const stack = await openBytes(make(stackHeader), "x.mrc");
    expect([stack.kind, stack.pixelSize]).toEqual(["stack", [1.5, 1.5, 1.5]]);
    expect(
      (
        await openBytes(
          make(() => {}),
          "x.mrcs",
        )
      ).kind,
    ).toBe("stack");
    expect((await openBytes(make(stackHeader), "x.mrc:mrc")).kind).toBe("volume");
    const blank = await openBytes(make((view) => view.setFloat32(40, 0, true)));
    expect(blank.pixelSize).toBeUndefined();
  });

  const base = { size: [4, 4, 4] as [number, number, number], mode: 2, data: new Uint8Array(256) };
  test.each([
    [
      "truncated pixels",
      makeMrc(base).subarray(0, 1200),
      /byte 1200\): truncated: 4 x 4 x 4 .* need 1280 bytes/,
    ],
    ["truncated header", makeMrc(base).subarray(0, 500), /byte 500\): 500 bytes are too few/],
    ["huge size", makeMrc({ ...base, size: [0x7fffffff, 0x7fffffff, 0x7fffffff] }), /impossible/],
    [
      "large size",
      makeMrc({ ...base, size: [50_000, 50_000, 1000] }),
      /truncated: .* need 10000000001024 bytes/,
    ],
    ["negative size", makeMrc({ ...base, size: [-4, 4, 4] }), /byte 0\): NX is -4/],
    [
      "complex mode",
      makeMrc({ ...base, mode: 4 }),
      /byte 12\): mode 4 \(complex 32-bit floats\) is not read/,
    ],
    ["unknown mode", makeMrc({ ...base, mode: 77 }), /mode 77 is not read/],
    [
      "extended header",
      makeMrc({ ...base, edit: (view) => view.setInt32(92, -5, true) }),
      /byte 92\): NSYMBT .* is -5/,
    ],
    [
      "longer extended header",
      makeMrc({ ...base, edit: (view) => view.setInt32(92, 0x7fffffff, true) }),
      /truncated: .* behind 2147483647 bytes of extended header need 2147484927 bytes and the file has 1280/,
    ],
    ["axes", makeMrc({ ...base, axes: [1, 1, 3] }), /byte 64\): MAPC, MAPR, MAPS are 1, 1, 3/],
    ["stack of volumes", makeMrc({ ...base, spaceGroup: 401 }), /space group 401/],
  ])("%s is refused", async (_, bytes, message) => {
    await expect(openBytes(bytes)).rejects.toThrow(FormatError);
    await expect(openBytes(bytes)).rejects.toThrow(message);
  });

  test("images beyond the end are refused", async () => {
    const file = await openBytes(makeMrc(base));
    await expect(file.readImages(3, 2)).rejects.toThrow("images 4 to 5 asked for; the file has 4");
  });

  test("NaN and infinite pixels are counted, not hidden", async () => {
    const data = Float32Array.of(1, Number.NaN, 3, Number.POSITIVE_INFINITY);
    const file = await openBytes(makeMrc({ size: [4, 1, 1], mode: 2, data: new Uint8Array(data.buffer) }));
    expect(await file.statistics()).toEqual({ minimum: 1, maximum: 3, mean: 2, rms: 1, notFinite: 2 });
  });

  test("one image of a stack beyond 4 GiB is read without the rest", async () => {
    const [width, count] = [1024, 1100];
    const path = join(folder, "large.mrcs");
    const handle = await open(path, "w");
    const header = makeMrc({ size: [width, width, count], mode: 2, data: new Uint8Array() });
    await handle.write(header);
    const offset = 1024 + (count - 2) * width * width * 4;
    await handle.write(Float32Array.of(42), 0, 4, offset);
    await handle.truncate(1024 + count * width * width * 4);
    await handle.close();
    const source = await openFile(path);
    let bytesRead = 0;
    const counting = {
      ...source,
      readInto: (target: Uint8Array, at: number) => {
        bytesRead += target.length;
        return source.readInto(target, at);
      },
    };
    const file = await openMrc(counting);
    expect(offset).toBeGreaterThan(2 ** 32);
    expect((await file.readImages(count - 2, 1))[0]).toBe(42);
    expect(bytesRead).toBeLessThan(5 << 20);
    await file.close();
  });

  test("a machine stamp that contradicts the header is not believed", async () => {
    for (const little of [true, false]) {
      const data = new Uint8Array(8);
      new DataView(data.buffer).setFloat32(4, 2.5, little);
      const bytes = makeMrc({ size: [2, 1, 1], mode: 2, little, data });
      bytes.set(little ? [0x11, 0x11] : [0x44, 0x44], 212);
      const file = await openBytes(bytes);
      expect([file.header.littleEndian, (await file.readVolume())[1]]).toEqual([little, 2.5]);
    }
  });

  test("an old file without id, stamp and axes is told by its size", async () => {
    for (const little of [true, false]) {
      const bytes = makeMrc({ size: [2, 1, 1], mode: 0, little, axes: [0, 0, 0], data: Uint8Array.of(3, 4) });
      bytes.fill(0, 208, 216);
      const file = await openBytes(bytes);
      expect(file.size).toEqual([2, 1, 1]);
      expect(Array.from(await file.readVolume())).toEqual([3, 4]);
    }
  });

  test("images are read into the array that is given, and into its part only", async () => {
    for (const little of [true, false]) {
      const data = new DataView(new ArrayBuffer(24));
      for (let i = 0; i < 6; i++) data.setFloat32(i * 4, i + 0.5, little);
      const file = await openBytes(
        makeMrc({ size: [2, 1, 3], mode: 2, little, data: new Uint8Array(data.buffer) }),
      );
      const out = new Float32Array(7).fill(-1);
      const part = out.subarray(1);
      expect(await file.readImages(1, 2, part)).toBe(part);
      expect(Array.from(out)).toEqual([-1, 2.5, 3.5, 4.5, 5.5, -1, -1]);
      await expect(file.readImages(0, 3, new Float32Array(5))).rejects.toThrow("6 values do not fit");
    }
  });

  test("images of a file whose sections do not run along z are refused", async () => {
    const file = await openBytes(
      makeMrc({ size: [2, 2, 2], mode: 0, axes: [3, 1, 2], data: new Uint8Array(8) }),
    );
    await expect(file.readImages(0, 1)).rejects.toThrow(/sections do not run along z.*read it as a volume/);
  });

  test("a cell of NaN or 0, or 0 intervals, is no pixel size; unequal ones are reported", async () => {
    const pixelSize = async (edit: (view: DataView) => void) =>
      (await openBytes(makeMrc({ size: [2, 2, 2], mode: 0, data: new Uint8Array(8), edit }))).pixelSize;
    expect(await pixelSize((view) => view.setFloat32(40, Number.NaN, true))).toBeUndefined();
    expect(await pixelSize((view) => view.setFloat32(44, 0, true))).toBeUndefined();
    expect(await pixelSize((view) => view.setInt32(28, 0, true))).toBeUndefined();
    expect(await pixelSize((view) => view.setFloat32(48, 5, true))).toEqual([1.5, 1.5, 2.5]);
  });

  test("a small deviation beside a large mean keeps its digits", async () => {
    const data = Float32Array.from({ length: 4096 }, (_, i) => 1e6 + (i % 2 === 0 ? -1 : 1));
    const file = await openBytes(makeMrc({ size: [64, 64, 1], mode: 2, data: new Uint8Array(data.buffer) }));
    expect(await file.statistics()).toMatchObject({ mean: 1e6, rms: 1 });
  });

  test("non-finite pixels are refused on request, by image, column and row", async () => {
    const data = new Float32Array(24);
    data[6 * 2 + 4] = Number.NaN;
    const bytes = makeMrc({ size: [3, 2, 4], mode: 2, data: new Uint8Array(data.buffer) });
    const file = await openMrc(bytesSource(bytes, "x.mrcs"), { refuseNonFinite: true });
    expect((await file.readImages(0, 2)).length).toBe(12);
    await expect(file.readImages(1, 3)).rejects.toThrow("image 3 has a pixel that is NaN (column 2, row 2)");
    await expect(file.readVolume()).rejects.toThrow(FormatError);
  });

  test("a volume that no array can hold is a UserError, before anything is read", async () => {
    const head = makeMrc({ size: [3000, 3000, 2000], mode: 0, data: new Uint8Array() });
    const source = {
      ...bytesSource(head, "large.mrc"),
      size: 1024 + 18e9,
    };
    await expect((await openMrc(source)).readVolume()).rejects.toThrow(
      /18000000000 values \(67\.1 GiB\) do not fit/,
    );
  });

  test("the source is closed when the file is refused", async () => {
    let closed = 0;
    const source = { ...bytesSource(new Uint8Array(10)), close: async () => void closed++ };
    await expect(openMrc(source)).rejects.toThrow(FormatError);
    expect(closed).toBe(1);
  });

  test("a suffix as RELION takes it is split off", () => {
    expect(splitKindSuffix("a/b.mrc:mrcs")).toEqual({ path: "a/b.mrc", kind: "stack" });
    expect(splitKindSuffix("a/b.st:mrc")).toEqual({ path: "a/b.st", kind: "volume" });
    expect(splitKindSuffix("c:/b.mrcs")).toEqual({ path: "c:/b.mrcs" });
  });
});
