import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.js";
import { halfTable, toHalf } from "../../src/formats/mrc/float16.js";
import { type CreateMrcOptions, createMrc, openMrc } from "../../src/formats/mrc/index.js";
import { createFile, openFile } from "../../src/formats/node.js";
import { bytesSource, memorySink } from "../../src/formats/source.js";

const folder = mkdtempSync(join(tmpdir(), "cryotile-mrc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

  test("the pixels written are counted whether they are finite or not", async () => {
    const write = async (...values: number[]) => {
      const sink = memorySink("out.mrc");
      const size = { width: values.length, height: 1, count: 1, mode: 2, pixelSize: 1 } as const;
      const writer = await createMrc(sink, { kind: "volume", ...size, origin: [1, -2, 3.5] });
      await writer.write(Float32Array.from(values));
      await writer.finish();
      return (await openMrc(bytesSource(sink.bytes(), "out.mrc"))).header;
    };
    expect(await write(1, Number.NaN, 3, Number.NEGATIVE_INFINITY)).toMatchObject({
      minimum: 1,
      maximum: 3,
      mean: 2,
      rms: 1,
      origin: [1, -2, 3.5],
    });
    // MRC2014: maximum below minimum, mean below both, negative rms where nothing is known.
    expect(await write(Number.NaN)).toMatchObject({ minimum: 0, maximum: -1, mean: -2, rms: -1 });
  });

  test("a file with missing images does not appear, and refused values leave no trace", async () => {
    const path = join(folder, "missing.mrcs");
    const options = { kind: "stack", width: 2, height: 1, count: 2, mode: 12, pixelSize: 1 } as const;
    const short = await createMrc(await createFile(path), options);
    await short.write(Float32Array.of(1, 2));
    await expect(short.finish()).rejects.toThrow("1 of 2 images were written");
    expect(readdirSync(folder).filter((name) => name.startsWith("missing"))).toEqual([]);

    const sink = memorySink("out.mrcs");
    const writer = await createMrc(sink, options);
    await writer.write(Float32Array.of(1, 3));
    await expect(writer.write(Float32Array.of(1e6, 0))).rejects.toThrow(
      /image 2 holds 1000000, which float16/,
    );
    await writer.write(Float32Array.of(1, 3));
    await writer.finish();
    const { header } = await openMrc(bytesSource(sink.bytes(), "out.mrcs"));
    expect(header).toMatchObject({ minimum: 1, maximum: 3, mean: 2, rms: 1 });

    const given = await createMrc(await createFile(path), options);
    await given.abort();
    expect(readdirSync(folder).filter((name) => name.startsWith("missing"))).toEqual([]);
    await expect(createMrc(memorySink(), { ...options, pixelSize: 0 })).rejects.toThrow(/pixel size is 0/);
    await expect(createMrc(memorySink(), { ...options, count: 0 })).rejects.toThrow(/count is 0/);
  });

  test("what is written comes back: any size, mode, split into writes", async () => {
    const input = fc.record({
      size: fc.tuple(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
      ),
      kind: fc.constantFrom("stack", "volume"),
      mode: fc.constantFrom(2, 12),
      bits: fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 225, maxLength: 225 }),
      step: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(input, async ({ size, kind, mode, bits, step }) => {
        const [width, height, count] = size;
        const table = halfTable();
        const pixels = Float32Array.from(bits.slice(0, width * height * count), (half) => table[half]);
        const sink = memorySink("out.mrc");
        const options = { kind, width, height, count, mode, pixelSize: 1.5 } as CreateMrcOptions;
        const writer = await createMrc(sink, options);
        for (let at = 0; at < count; at += step)
          await writer.write(pixels.subarray(at * width * height, (at + step) * width * height));
        await writer.finish();
        const file = await openMrc(bytesSource(sink.bytes(), "out.mrc"));
        expect(file.size).toEqual([width, height, count]);
        expect(file.pixelSize).toEqual([1.5, 1.5, 1.5]);
        expect(await file.readVolume()).toEqual(pixels);
      }),
    );
  });
});
