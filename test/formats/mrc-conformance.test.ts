import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openMrc } from "../../src/formats/mrc/index.js";
import { bytesSource } from "../../src/formats/source.js";
import { describeShared } from "../support/shared.js";

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

  const read = async (name: string) => {
    const file = await openMrc(bytesSource(readFileSync(join(data, name)), name));
    return { file, volume: await file.readVolume() };
  };

  test("packed and plain files of one map hold the same values", async () => {
    const folder = "ccpem+mrcfile/tests/test_data";
    for (const [plain, ...packed] of [
      ["EMD-3001.map", "EMD-3001.map.bz2", "emd_3001.map.gz"],
      ["EMD-3197.map", "EMD-3197.map.bz2", "emd_3197.map.gz"],
    ]) {
      const { volume } = await read(`${folder}/${plain}`);
      for (const name of packed) expect((await read(`${folder}/${name}`)).volume, name).toEqual(volume);
    }
  });

  test("EMD-3001: permuted axes, records of symmetry, and its float16 copy", async () => {
    const { file, volume } = await read("ccpem+mrcfile/tests/test_data/EMD-3001.map");
    expect(file.header.axes).toEqual([2, 0, 1]);
    expect(file.header.extendedBytes).toBe(160);
    expect(file.symmetryRecords.length).toBe(2);
    // Its pixels by hand: columns run along z, rows along x, sections along y.
    const bytes = readFileSync(join(data, "ccpem+mrcfile/tests/test_data/EMD-3001.map"));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const [columns, rows, sections] = file.header.stored;
    const [width, height] = [rows, sections];
    expect(file.size).toEqual([width, height, columns]);
    for (const [x, y, z] of [
      [0, 0, 0],
      [3, 5, 7],
      [width - 1, 0, columns - 2],
      [4, height - 1, 1],
    ] as const)
      expect(volume[x + width * (y + height * z)]).toBe(
        view.getFloat32(1024 + 160 + 4 * (z + columns * (x + rows * y)), true),
      );
  });

  test("float16 copies of two maps differ from them by rounding, where their program rounded", async () => {
    // It doubled values that round up to a power of two and lost the smallest: so Python's struct reads these copies, too.
    for (const [name, original, faults] of [
      ["emd_3001_f16.mrc", "EMD-3001.map", 29],
      ["emd_3197_f16.mrc", "EMD-3197.map", 2],
    ] as const) {
      const half = await read(`sethaxen+MRCFile.jl/test/testdata/${name}`);
      expect([half.file.mode, half.file.header.axes.join()]).toEqual([12, "0,1,2"]);
      // The copy has the values in the order of the file, under plain axes.
      const bytes = readFileSync(join(data, "ccpem+mrcfile/tests/test_data", original));
      const stored = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - half.volume.length * 4);
      const differing = half.volume.filter((value, i) => {
        const exact = stored.getFloat32(i * 4, true);
        // float16 keeps 11 bits: the error is up to 2^-11 of the value, or 2^-25 where it is subnormal.
        return Math.abs(value - exact) > Math.abs(exact) * 2 ** -11 + 2 ** -25;
      });
      expect(differing.length).toBe(faults);
    }
  });
});
