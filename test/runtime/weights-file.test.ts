import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/errors.js";
import { blobSource, bytesSource, memorySink } from "../../src/formats/source.js";
import {
  type CompressedWeights,
  compressWeights,
  denseBytes,
  expandWeights,
  groupedBytes,
  pairBytes,
  weightsFault,
} from "../../src/runtime/weights.js";
import { checkWeights, readWeights, readWeightsHead, writeWeights } from "../../src/runtime/weights-file.js";
import { fuzzWeights, makeWeights } from "../fuzz/weights.js";

async function written(weights: CompressedWeights): Promise<Uint8Array> {
  const sink = memorySink("out.weights");
  await writeWeights(weights, sink);
  return sink.bytes();
}

/** The error that both ways of reading give, or undefined. */
async function refusal(bytes: Uint8Array): Promise<FormatError | undefined> {
  const source = bytesSource(bytes, "a.weights");
  const caught = async (read: () => Promise<unknown>) => {
    try {
      await read();
      return undefined;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return error;
    }
  };
  const error = await caught(() => readWeights(source));
  const other = await caught(async () => checkWeights(source, await readWeightsHead(source)));
  expect(other?.message).toBe(error?.message);
  return error;
}

describe("weights file", () => {
  // python3: b"CTWEIGHT" + struct.pack("<IIIIQQ", 1, 32, 4, 3, 128, 3) + struct.pack("<4I", 0, 2, 2, 3)
  //   + struct.pack("<3I", 0, 96, 64) + b"\0" * 4 + struct.pack("<96f", *[(k + 1) / 8 for k in range(96)])
  const head = Buffer.from(
    "4354574549474854010000002000000004000000030000008000000000000000030000000000000000000000020000000200000003000000000000006000000040000000000000000000003e0000803e",
    "hex",
  );

  test("bytes that another program packed are read and written", async () => {
    const bytes = new Uint8Array(456);
    bytes.set(head);
    for (let k = 2; k < 96; k++) new DataView(bytes.buffer).setFloat32(72 + 4 * k, (k + 1) / 8, true);
    for (const source of [bytesSource(bytes), blobSource(new Blob([bytes]))]) {
      const weights = await readWeights(source);
      expect([weights.children, weights.samples]).toEqual([32, 128]);
      expect([...weights.start_i, ...weights.firstSample_g]).toEqual([0, 2, 2, 3, 0, 96, 64]);
      expect(weights.values_gs).toEqual(Float32Array.from({ length: 96 }, (_, k) => (k + 1) / 8));
      expect(expandWeights(weights, 2)[64]).toBe(65 / 8);
      expect(await written(weights)).toEqual(bytes);
    }
  });

  test("dense, compressed, file, dense again: kept parents are the same, and bytes follow the formulas", async () => {
    const shape = fc.record({
      particles: fc.integer({ min: 0, max: 5 }),
      parents: fc.integer({ min: 1, max: 30 }),
      children: fc.constantFrom(1, 3, 4, 8, 32),
      double: fc.boolean(),
    });
    const weight = fc.oneof(
      fc.constantFrom(0, 5e-324, 1e-45, 3.4e38),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.infiniteStream(fc.boolean()),
        fc.infiniteStream(weight),
        async ({ particles, parents, children, double }, keep, weightsOf) => {
          const samples = parents * children;
          const make = double ? Float64Array : Float32Array;
          const dense = new make(particles * samples).map(() => weightsOf.next().value as number);
          const kept = Array.from({ length: particles }, () =>
            Uint32Array.from([...Array(parents).keys()].filter(() => keep.next().value)),
          );
          const bytes = await written(compressWeights(dense, samples, children, kept));
          const read = await readWeights(bytesSource(bytes));
          expect(weightsFault(read)).toBeUndefined();
          expect(read.values_gs).toBeInstanceOf(make);
          for (let i = 0; i < particles; i++) {
            const keptOf = new Set(kept[i]);
            const expected = dense
              .subarray(i * samples, (i + 1) * samples)
              .map((value, s) => (keptOf.has(Math.floor(s / children)) ? value : 0));
            expect(expandWeights(read, i)).toEqual(expected);
          }

          const valueBytes = double ? 8 : 4;
          const groups = kept.reduce((sum, list) => sum + list.length, 0);
          const index = new Uint32Array(groups * children);
          expect(denseBytes(particles * parents, children, valueBytes)).toBe(dense.byteLength);
          expect(groupedBytes(groups, children, valueBytes)).toBe(
            read.values_gs.byteLength + read.firstSample_g.byteLength,
          );
          expect(pairBytes(groups, children, valueBytes)).toBe(read.values_gs.byteLength + index.byteLength);
          const unpadded = 40 + read.start_i.byteLength + groupedBytes(groups, children, valueBytes);
          expect(bytes.length - unpadded).toBe((particles + 1 + groups) % 2 === 0 ? 0 : 4);
        },
      ),
    );
  });

  const good = {
    children: 2,
    valueBytes: 4,
    samples: 6,
    starts: [0, 2, 2, 3],
    firstSamples: [0, 4, 2],
    values: [1, 0.5, 0, 3, 4, 7],
  };
  const sound = makeWeights(good);
  const edited = (edit: (view: DataView) => void) => {
    const bytes = Uint8Array.from(sound);
    edit(new DataView(bytes.buffer));
    return bytes;
  };
  const word = (byte: number, value: number) => edited((view) => view.setUint32(byte, value, true));
  const float = (byte: number, value: number) => edited((view) => view.setFloat32(byte, value, true));
  const long = (bytes: number) => {
    const out = new Uint8Array(sound.length + bytes);
    out.set(sound);
    return out;
  };

  // Starts begin at byte 40, first samples at 56, padding at 68, values at 72.
  test.each<[string, Uint8Array, number, RegExp]>([
    ["nothing", new Uint8Array(), 0, /is no weights file/],
    ["another magic", word(0, 1), 0, /is no weights file/],
    ["a cut header", sound.subarray(0, 39), 39, /truncated: a header has 40 bytes/],
    ["a later version", word(8, 2), 8, /version 2 found, 1 expected/],
    ["no children", word(12, 0), 12, /0 children/],
    ["values of 2 bytes", word(16, 2), 16, /values of 2 bytes; 4 or 8/],
    ["more particles than bytes", word(20, 0xffffffff), sound.length, /truncated: 4294967295 particles/],
    ["more samples than an index reaches", word(28, 2), 24, /8589934598 samples/],
    ["more groups than a start reaches", word(36, 1), 32, /4294967299 groups/],
    ["more groups than bytes", word(32, 0xfffffffe), sound.length, /truncated: .* 4294967294 groups/],
    ["more children than bytes", word(12, 0xffffffff), sound.length, /truncated/],
    ["a cut end", sound.subarray(0, sound.length - 1), sound.length - 1, /truncated: .* need 96 bytes/],
    ["bytes behind the end", long(3), sound.length, /has 3 bytes behind the last value/],
    ["samples that are no multiple", word(24, 7), 24, /7 samples are no multiple of 2/],
    ["a first start that is not 0", word(40, 1), 40, /first start is not 0/],
    ["falling starts", word(44, 3), 48, /start of particle 2 is before that of particle 1/],
    ["a last start that is not the groups", word(52, 2), 52, /last start is not the number of groups/],
    ["a group beyond the samples", word(60, 6), 60, /group 1 starts at sample 6/],
    ["a group between parents", word(60, 3), 60, /group 1 starts at sample 3/],
    ["a group twice", word(60, 0), 60, /group 1 is not after/],
    ["padding that is not 0", word(68, 1), 68, /padding/],
    ["not a number", float(72, Number.NaN), 72, /value 0 is NaN/],
    ["a negative value", float(76, -1), 76, /value 1 is -1, not a finite number of at least 0/],
    ["an infinite value", float(92, Number.POSITIVE_INFINITY), 92, /value 5 is Infinity/],
  ])("%s is refused with the byte", async (_, bytes, byte, message) => {
    const error = await refusal(bytes);
    expect(error?.message).toMatch(message);
    expect(error?.message).toContain("a.weights");
    expect(error?.location).toEqual({ file: "a.weights", byte });
  });

  test("the file that these were made from is sound", async () => {
    expect(await refusal(sound)).toBeUndefined();
  });

  test("what breaks a rule is not written", async () => {
    const weights = await readWeights(bytesSource(sound));
    const sink = memorySink("out.weights");
    for (const [bad, message] of [
      [{ ...weights, firstSample_g: Uint32Array.of(4, 0, 2) }, /not after/],
      [{ ...weights, values_gs: new Float32Array(5) }, /number of values/],
      [{ ...weights, values_gs: new Float32Array(6).fill(-1) }, /value 0 is -1/],
    ] as const)
      await expect(writeWeights(bad, sink)).rejects.toThrow(message);
    expect(sink.bytes().length).toBe(0);
  });

  test("values beyond the first piece that is read are read and checked", async () => {
    const children = 1 << 20;
    const count = 3 * children;
    const values = Float64Array.from({ length: count }, (_, n) => n / 7);
    const weights = compressWeights(values, count, children, [Uint32Array.of(0, 1, 2)]);
    const bytes = await written(weights);
    const read = (await readWeights(bytesSource(bytes))).values_gs;
    expect([read.length, read.every((value, n) => value === values[n])]).toEqual([count, true]);
    const begin = bytes.length - 8 * count;
    for (const bad of [(1 << 19) - 1, 1 << 19, count - 1]) {
      const copy = Uint8Array.from(bytes);
      new DataView(copy.buffer).setFloat64(begin + 8 * bad, -0.25, true);
      expect((await refusal(copy))?.location.byte).toBe(begin + 8 * bad);
    }
  });

  test("a file that shrinks while it is read is refused", async () => {
    const shrunk = { ...bytesSource(sound.subarray(0, 80), "a.weights"), size: sound.length };
    await expect(readWeights(shrunk)).rejects.toThrow(/a\.weights \(byte 80\): ends while it is read/);
  });

  test("the reader survives 5 s of mutated files", async () => {
    const seed = Date.now() >>> 0;
    console.log(`weights fuzz seed ${seed}`);
    const { executions } = await fuzzWeights({ seconds: 5, seed });
    expect(executions).toBeGreaterThan(1000);
  });
});
