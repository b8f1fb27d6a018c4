import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError, UserError } from "../../src/errors.js";
import { csParticles, readCs } from "../../src/formats/cs.js";
import { bytesSource } from "../../src/formats/source.js";
import { eulerToMatrix } from "../../src/geometry/euler.js";
import { mutate, randomSource } from "../fuzz/mutate.js";

/** A structured .npy file made by hand. */
function npy(
  descr: string,
  rows: number,
  body: (view: DataView, bytes: Uint8Array) => void,
  rowBytes: number,
  version = 1,
): Uint8Array {
  const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': (${rows},), }`;
  const lengthBytes = version === 1 ? 2 : 4;
  const padded = `${text.padEnd(Math.ceil((text.length + 9 + lengthBytes) / 64) * 64 - 9 - lengthBytes)}\n`;
  const start = 8 + lengthBytes + padded.length;
  const bytes = new Uint8Array(start + rows * rowBytes);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, padded.length, true);
  else view.setUint32(8, padded.length, true);
  bytes.set(new TextEncoder().encode(padded), 8 + lengthBytes);
  body(new DataView(bytes.buffer, start), bytes.subarray(start));
  return bytes;
}

const particleFields =
  "[('uid', '<u8'), ('blob/path', '|S20'), ('blob/idx', '<u4'), ('blob/psize_A', '<f4'), ('alignments3D/pose', '<f4', (3,)), ('alignments3D/shift', '<f4', (2,)), ('ctf/accel_kv', '<f4'), ('ctf/cs_mm', '<f4'), ('ctf/amp_contrast', '<f4'), ('ctf/df1_A', '<f4'), ('ctf/df2_A', '<f4'), ('ctf/df_angle_rad', '<f4')]";

function particle(pose: [number, number, number]): Uint8Array {
  return npy(
    particleFields,
    1,
    (view, bytes) => {
      view.setBigUint64(0, 2n ** 40n, true);
      bytes.set(new TextEncoder().encode(">J1/stack.mrc"), 8);
      view.setUint32(28, 7, true);
      const values = [1.5, ...pose, 2, -4, 300, 2.7, 0.1, 12000, 11000, Math.PI / 6];
      for (const [index, value] of values.entries()) view.setFloat32(32 + index * 4, value, true);
    },
    80,
  );
}

describe("cryoSPARC files", () => {
  test("poses, CTF and image paths in RELION's terms", async () => {
    // A turn by +90 degrees about z in cryoSPARC's sense; its transpose turns the image axes by psi = 90.
    const [first] = csParticles(await readCs(bytesSource(particle([0, 0, Math.PI / 2]))));
    expect(first).toMatchObject({
      imagePath: "J1/stack.mrc",
      imageIndex: 7,
      originX: 3,
      originY: -6,
      rot: 0,
      tilt: 0,
    });
    expect(first?.psi).toBeCloseTo(90, 4);
    expect(first?.ctf).toMatchObject({ voltage: 300, defocusU: 12000, defocusV: 11000, phaseShift: 0 });
    expect(first?.ctf?.defocusAngle).toBeCloseTo(30, 4);
    // A turn about y by 30 degrees has its transpose as Ry(tilt): tilt is 30.
    const [tilted] = csParticles(await readCs(bytesSource(particle([0, Math.PI / 6, 0]))));
    expect(tilted?.tilt).toBeCloseTo(30, 4);
    expect([tilted?.rot, tilted?.psi]).toEqual([0, 0]);
  });

  test("any pose: the Euler matrix turns back what the axis-angle vector turns", async () => {
    const angle = fc.double({ min: 0.01, max: Math.PI - 0.01, noNaN: true });
    const part = fc.double({ min: -1, max: 1, noNaN: true });
    const axis = fc.tuple(part, part, part).filter((v) => Math.hypot(...v) > 0.1);
    await fc.assert(
      fc.asyncProperty(axis, angle, async (direction, turn) => {
        const length = Math.hypot(...direction);
        const n = direction.map((value) => value / length);
        const pose = n.map((value) => value * turn) as [number, number, number];
        const [found] = csParticles(await readCs(bytesSource(particle(pose))));
        const matrix = eulerToMatrix(found?.rot as number, found?.tilt as number, found?.psi as number);
        // By quaternions, not by Rodrigues' formula: v' = v + 2 w (q x v) + 2 q x (q x v), turned the other way round.
        const [w, q] = [Math.cos(turn / 2), n.map((value) => -value * Math.sin(turn / 2))];
        const cross = (a: number[], b: number[]) => [
          a[1] * b[2] - a[2] * b[1],
          a[2] * b[0] - a[0] * b[2],
          a[0] * b[1] - a[1] * b[0],
        ];
        for (let column = 0; column < 3; column++) {
          const v = [0, 1, 2].map((i) => (i === column ? 1 : 0));
          const once = cross(q, v);
          const twice = cross(q, once);
          // Poses are stored as float32; 2e-6 is a few of its roundings on angles up to pi.
          for (let row = 0; row < 3; row++)
            expect(
              Math.abs(matrix[row * 3 + column] - (v[row] + 2 * w * once[row] + 2 * twice[row])),
            ).toBeLessThan(2e-6);
        }
      }),
    );
  });

  test("2D alignments give psi; a file without alignments gives zeros", async () => {
    const fields = (name: string) =>
      `[('blob/path', '|S4'), ('blob/idx', '<u4'), ('blob/psize_A', '<f4'), ('${name}/pose', '<f4'), ('${name}/shift', '<f4', (2,)), ('${name}/psize_A', '<f4')]`;
    const body = (view: DataView, bytes: Uint8Array) => {
      bytes.set(new TextEncoder().encode("a.m"), 0);
      for (const [i, value] of [1.5, -Math.PI / 4, 2, -4, 3].entries())
        view.setFloat32(8 + i * 4, value, true);
    };
    const [flat] = csParticles(await readCs(bytesSource(npy(fields("alignments2D"), 1, body, 28))));
    // The shift is in pixels of the alignment (3 A), not of the image.
    expect(flat).toMatchObject({ imagePath: "a.m", rot: 0, tilt: 0, originX: 6, originY: -12 });
    expect(flat?.psi).toBeCloseTo(-45, 4);
    const [none] = csParticles(await readCs(bytesSource(npy(fields("other"), 1, body, 28))));
    expect(none).toEqual({
      imagePath: "a.m",
      imageIndex: 0,
      rot: 0,
      tilt: 0,
      psi: 0,
      originX: 0,
      originY: 0,
    });
  });

  test("64-bit integers are exact", async () => {
    const uid = 12_345_678_901_234_567_891n;
    const table = await readCs(
      bytesSource(
        npy(
          "[('uid', '<u8'), ('n', '>i8')]",
          1,
          (view) => {
            view.setBigUint64(0, uid, true);
            view.setBigInt64(8, -uid / 2n);
          },
          16,
        ),
      ),
    );
    expect([table.integers("uid")[0], table.integers("n")[0]]).toEqual([uid, -uid / 2n]);
    expect(table.strings("uid")).toEqual([String(uid)]);
    expect(table.numbers("uid")[0]).toBe(Number(uid));
    const other = await readCs(bytesSource(particle([0, 0, 0])));
    expect(() => other.integers("blob/idx")).toThrow("blob/idx does not hold 64-bit integers");
  });

  test("mutated files are read or refused with a UserError, at once", async () => {
    const seed = Date.now() >>> 0;
    console.log(`cryoSPARC fuzz seed ${seed}`);
    const snippets = ["'|S0'", "'<U9'", "(9999999999,)", "(0,)", "'descr'", "[]", "\\", "'<f8', (2, 3)"].map(
      (text) => new TextEncoder().encode(text),
    );
    for (let n = 0; n < 3000; n++) {
      const input = mutate(particle([1, 2, 3]), randomSource(seed + n), snippets);
      try {
        const table = await readCs(bytesSource(input));
        expect(table.rowCount).toBeLessThanOrEqual(input.length);
        csParticles(table);
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`seed ${seed + n}`, { cause: error });
      }
    }
  });

  test("types, byte orders, unicode, versions and sub-arrays", async () => {
    for (const version of [1, 2, 3]) {
      const table = await readCs(
        bytesSource(
          npy(
            "[('a', '>i2', (2, 2)), ('b', '<U3'), ('c', '|b1'), ('d', '>f8')]",
            2,
            (view) => {
              for (let row = 0; row < 2; row++) {
                for (let i = 0; i < 4; i++) view.setInt16(row * 29 + i * 2, -i - row * 10);
                view.setUint32(row * 29 + 8, 0x3b1, true);
                view.setUint8(row * 29 + 20, row);
                view.setFloat64(row * 29 + 21, row + 0.25);
              }
            },
            29,
            version,
          ),
        ),
      );
      expect(Array.from(table.numbers("a"))).toEqual([0, -1, -2, -3, -10, -11, -12, -13].map((x) => x || 0));
      expect(table.strings("b")).toEqual(["α", "α"]);
      expect(Array.from(table.numbers("c"))).toEqual([0, 1]);
      expect(Array.from(table.numbers("d"))).toEqual([0.25, 1.25]);
    }
  });

  test("other and damaged files are refused", async () => {
    const read = (bytes: Uint8Array) => readCs(bytesSource(bytes, "p.cs"));
    await expect(read(new Uint8Array(20))).rejects.toThrow(/no NumPy file/);
    await expect(read(particle([0, 0, 0]).subarray(0, -10))).rejects.toThrow(FormatError);
    await expect(read(npy("'<f4'", 3, () => {}, 4))).rejects.toThrow(/plain NumPy array/);
    await expect(read(npy("[('a', '|O')]", 1, () => {}, 8))).rejects.toThrow(/type O, which is not read/);
    await expect(read(npy("[('a', '|S0')]", 1_000_000_000, () => {}, 0))).rejects.toThrow(/no bytes/);
    await expect(read(npy("[]", 1_000_000_000, () => {}, 0))).rejects.toThrow(/describes no fields/);
    const huge = npy("[('a', '<f8')]", 1, () => {}, 8);
    const text = new TextDecoder("latin1").decode(huge).replace("(1,)", "(9999999999,)");
    await expect(read(Uint8Array.from(text, (c) => c.charCodeAt(0)))).rejects.toThrow(
      /truncated: 9999999999 rows/,
    );
    const table = await read(particle([0, 0, 0]));
    expect(() => table.numbers("blob/idy")).toThrow("the nearest one is blob/idx");
    expect(() => table.numbers("blob/path")).toThrow(UserError);
  });
});
