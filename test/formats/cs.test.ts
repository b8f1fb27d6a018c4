import { describe, expect, test } from "vitest";
import { FormatError, UserError } from "../../src/errors.js";
import { csParticles, readCs } from "../../src/formats/cs.js";
import { bytesSource } from "../../src/formats/source.js";

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
