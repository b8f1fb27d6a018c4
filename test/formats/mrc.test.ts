import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { FormatError, UserError } from "../../src/errors.js";
import { readImageBatches } from "../../src/formats/batches.js";
import { halfTable, toHalf } from "../../src/formats/mrc/float16.js";
import { createMrc, openMrc } from "../../src/formats/mrc/index.js";
import { createFile, openFile } from "../../src/formats/node.js";
import { blobSource, bytesSource, memorySink } from "../../src/formats/source.js";
import { makeMrc, naivePixel } from "../fuzz/mrc.js";
import { describeShared } from "../support/shared.js";

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
      /truncated/,
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
});

describe("packed files", () => {
  const plain = makeMrc({
    size: [8, 8, 8],
    mode: 2,
    data: new Uint8Array(Float32Array.from({ length: 512 }, (_, i) => i).buffer),
  });

  test("gzip, by its first bytes and whatever its name, over files and Blobs", async () => {
    const packed = gzipSync(plain);
    for (const source of [bytesSource(packed, "a.mrc"), blobSource(new Blob([packed]), "b.mrc.gz")]) {
      const volume = await (await openMrc(source)).readVolume();
      expect([volume[0], volume[511]]).toEqual([0, 511]);
    }
  });

  test("cut or damaged data is an error", async () => {
    await expect(openBytes(gzipSync(plain).subarray(0, 200))).rejects.toThrow(
      /gzip data is damaged or cut off/,
    );
    await expect(openBytes(new TextEncoder().encode("BZh91AY&SY nonsense"))).rejects.toThrow(
      /bzip2 data is damaged/,
    );
  });

  test("a small file that unpacks to far more than its header says stops there", async () => {
    const bomb = gzipSync(Buffer.concat([plain, Buffer.alloc(64 << 20)]));
    const volume = await (await openBytes(bomb)).readVolume();
    expect(volume[511]).toBe(511);
    const huge = gzipSync(makeMrc({ size: [20_000, 20_000, 20], mode: 2, data: new Uint8Array() }));
    await expect(openBytes(huge)).rejects.toThrow(/unpacks to 32000001024 bytes and at most/);
  });
});

describe("float16", () => {
  test("every bit pattern comes back, and rounding is to nearest, ties to even", () => {
    const table = halfTable();
    for (let bits = 0; bits < 65536; bits++)
      if (!Number.isNaN(table[bits])) expect(toHalf(table[bits])).toBe(bits);
    expect(Number.isNaN(table[toHalf(Number.NaN)])).toBe(true);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x7bfe }),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (bits, t) => {
          const [low, high] = [table[bits], table[bits + 1]];
          const value = Math.fround(low + (high - low) * t);
          const [down, up] = [value - low, high - value];
          const expected = down < up || (down === up && bits % 2 === 0) ? bits : bits + 1;
          expect(toHalf(value)).toBe(expected);
          expect(toHalf(-value)).toBe(expected | 0x8000);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("writing", () => {
  test("what is written comes back, with the statistics in the header", async () => {
    for (const mode of [2, 12] as const) {
      const sink = memorySink("out.mrcs");
      const writer = await createMrc(sink, {
        kind: "stack",
        width: 3,
        height: 2,
        count: 4,
        mode,
        pixelSize: 1.25,
      });
      const pixels = Float32Array.from({ length: 24 }, (_, i) => i - 10.5);
      await writer.write(pixels.subarray(0, 6));
      await writer.write(pixels.subarray(6));
      await writer.finish();
      const file = await openMrc(bytesSource(sink.bytes(), "out.mrcs"));
      expect(await file.readImages(0, 4)).toEqual(pixels);
      expect(file.header.intervals).toEqual([3, 2, 1]);
      expect(file.header.cell).toEqual([3.75, 2.5, 0]);
      // Independent: the mean of -10.5 .. 12.5 is 1, their variance (24^2 - 1) / 12.
      expect(file.header).toMatchObject({
        minimum: -10.5,
        maximum: 12.5,
        mean: 1,
        rms: Math.fround(Math.sqrt(575 / 12)),
      });
    }
  });

  test("too many, too few and too large values are errors", async () => {
    const options = { kind: "stack", width: 2, height: 1, count: 1, mode: 12, pixelSize: 1 } as const;
    const writer = await createMrc(memorySink("out"), options);
    await expect(writer.write(Float32Array.of(1, 70_000))).rejects.toThrow(UserError);
    await expect(writer.write(new Float32Array(4))).rejects.toThrow(RangeError);
    await expect(writer.finish()).rejects.toThrow("0 of 1 images were written");
  });

  test("a file appears under its name only when it is complete", async () => {
    const path = join(folder, "atomic.mrcs");
    const sink = await createFile(path);
    const writer = await createMrc(sink, {
      kind: "stack",
      width: 2,
      height: 1,
      count: 1,
      mode: 2,
      pixelSize: 1,
    });
    expect(readdirSync(folder).includes("atomic.mrcs")).toBe(false);
    await writer.write(Float32Array.of(1, 2));
    await writer.finish();
    expect(readdirSync(folder).filter((name) => name.startsWith("atomic"))).toEqual(["atomic.mrcs"]);
    await expect(createFile(join(folder, "missing", "x.mrc"))).rejects.toThrow(
      /cannot create .*no such file or folder/,
    );
    await expect(openFile(join(folder, "none.mrc"))).rejects.toThrow(/none\.mrc: cannot open: no such file/);
    await expect(openFile(folder)).rejects.toThrow(/is not a regular file/);
  });
});

describe("batches", () => {
  const stacks = new Map<string, Uint8Array>(
    ["a", "b", "c"].map((name, s) => {
      const values = Float32Array.from({ length: 10 * 4 }, (_, i) => s * 100 + Math.floor(i / 4));
      return [
        `${name}.mrcs`,
        makeMrc({ size: [2, 2, 10], mode: 2, data: new Uint8Array(values.buffer) }),
      ] as const;
    }),
  );
  const openAs = (log: string[]) => async (path: string) => {
    const bytes = stacks.get(path);
    if (bytes === undefined) throw new UserError(`${path}: no such file`);
    log.push(`open ${path}`);
    const source = bytesSource(bytes, path);
    return { ...source, close: async () => void log.push(`close ${path}`) };
  };

  test("any list comes back in order, however it is batched, and files are closed", async () => {
    const image = fc.record({ path: fc.constantFrom("a.mrcs", "b.mrcs", "c.mrcs"), index: fc.nat(9) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(image, { maxLength: 40 }),
        fc.record({
          batchSize: fc.integer({ min: 1, max: 12 }),
          ahead: fc.nat(3),
          openFiles: fc.integer({ min: 1, max: 4 }),
        }),
        async (images, options) => {
          const log: string[] = [];
          const seen: number[] = [];
          for await (const batch of readImageBatches(images, openAs(log), options)) {
            expect(batch.first).toBe(seen.length);
            for (let i = 0; i < batch.count; i++) seen.push(batch.pixels[i * 4 + 3]);
          }
          expect(seen).toEqual(
            images.map(({ path, index }) => "abc".indexOf(path[0] as string) * 100 + index),
          );
          expect(log.filter((line) => line.startsWith("close")).length).toBe(
            log.filter((line) => line.startsWith("open")).length,
          );
        },
      ),
    );
  });

  test("a missing file is thrown at its batch; leaving early closes everything", async () => {
    const images = [..."aabbx"].map((name, index) => ({ path: `${name}.mrcs`, index }));
    const log: string[] = [];
    const firsts: number[] = [];
    await expect(async () => {
      for await (const batch of readImageBatches(images, openAs(log), { batchSize: 2, ahead: 2 }))
        firsts.push(batch.first);
    }).rejects.toThrow("x.mrcs: no such file");
    expect(firsts).toEqual([0, 2]);
    for await (const _ of readImageBatches(images.slice(0, 4), openAs(log), { batchSize: 1 })) break;
    expect(log.filter((line) => line.startsWith("close")).length).toBe(
      log.filter((line) => line.startsWith("open")).length,
    );
  });
});

describeShared("MRC files of other programs", (shared) => {
  const data = join(shared, "data");
  const files = () =>
    readdirSync(data, { recursive: true, encoding: "utf8" }).filter((file) =>
      /\.(mrcs?|map|ccp4|ctf)(\.gz|\.bz2|\.old1)?$/.test(file),
    );

  /** Files whose header states other extremes than their pixels have: their programs did not update it. */
  const stale = [
    ...["64_centered", "64_shifted", "65_centered", "65_shifted"].map(
      (name) => `ComputationalCryoEM+ASPIRE-Python/tests/saved_test_data/rln_proj_${name}.mrcs`,
    ),
    ...["", "_pfac2", "_pfac3"].map(
      (name) => `bogdantoader+simplecryoem/notebooks/comparisons/data/relion_proj_batch${name}.mrcs`,
    ),
    "bpowell122+tomodrgn/testing/data/warptools_test_box-32_angpix-12_reconstruct.mrc",
    "sethaxen+MRCFile.jl/test/testdata/emd_3001_proj.mrcs",
  ];

  test("are read, and where the header states extremes they agree", async () => {
    const found = files();
    expect(found.length).toBeGreaterThan(90);
    const differing: string[] = [];
    for (const name of found) {
      const file = await openMrc(bytesSource(readFileSync(join(data, name)), name));
      const measured = await file.statistics();
      const { header } = file;
      expect(measured.notFinite, name).toBe(0);
      // Only float32 files are held to it: float16 ones state extremes from before rounding.
      if (!(header.minimum < header.maximum) || header.mode !== 2) continue;
      // Headers hold float32, so 1e-6 of the range is rounding.
      const tolerance = 1e-6 * (measured.maximum - measured.minimum);
      const error = Math.max(
        Math.abs(measured.minimum - header.minimum),
        Math.abs(measured.maximum - header.maximum),
      );
      if (error > tolerance) differing.push(name);
    }
    expect(differing.sort()).toEqual(stale);
  });

  test("the float16 stacks of the real set are 64 px at 3.54 A and normalised", async () => {
    const name = files().find((file) => file.includes("job009") && file.endsWith(".mrcs")) as string;
    const file = await openMrc(bytesSource(readFileSync(join(data, name)), name));
    expect([file.mode, file.width, file.height, file.kind]).toEqual([12, 64, 64, "stack"]);
    expect(file.pixelSize?.[0]).toBeCloseTo(3.54, 3);
    const { mean, rms } = await file.statistics();
    // White normalised particles: background mean 0 and standard deviation 1, the particle adds some.
    expect(Math.abs(mean)).toBeLessThan(0.3);
    expect(rms).toBeGreaterThan(0.9);
    expect(rms).toBeLessThan(1.3);
  });
});
