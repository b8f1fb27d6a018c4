import { type CtfOptions, type CtfParameters, wavelength } from "../geometry/ctf.js";
import { forEachPixel, isUnique, shellOf } from "../geometry/fourier.js";
import { round } from "../geometry/rounding.js";
import type { BufferKind, CentredGeometry, DeviceBuffer, Phases, PixelSet, Runtime } from "./contract.js";

/** A buffer of these values, in the scope that is open; complex numbers are pairs. */
export function put(
  runtime: Runtime,
  kind: BufferKind,
  name: string,
  values: ArrayLike<number>,
): DeviceBuffer {
  const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
  runtime.upload(buffer, values);
  return buffer;
}

/** Which pixels of a half transform take part: shells 0 to size / 2 without Friedel mates, or every element (cross-correlation). */
export type PixelChoice = "shells" | "all";

/** Packed (x, y) of the pixels in use, row by row in FFT order. */
export function pixelTable(size: number, choice: PixelChoice): Uint32Array {
  const packed: number[] = [];
  forEachPixel(size, size, (x, y) => {
    if (choice === "all" || (isUnique(x, y) && shellOf(x, y) <= size / 2)) packed.push(packPixel(x, y));
  });
  return Uint32Array.from(packed);
}

export const packPixel = (x: number, y: number): number => (x | ((y & 0xffff) << 16)) >>> 0;
export const pixelX = (packed: number): number => packed & 0xffff;
export const pixelY = (packed: number): number => packed >> 16;

/** A pixel set in the scope that is open. `size` is even. */
export function makePixels(runtime: Runtime, size: number, choice: PixelChoice): PixelSet {
  const table = pixelTable(size, choice);
  const xy_k = put(runtime, "index", `pixels ${size}`, table);
  const shells = size / 2 + 1;
  const lists: number[][] = Array.from({ length: shells }, () => []);
  for (const [k, packed] of table.entries()) lists[shellOf(pixelX(packed), pixelY(packed))]?.push(k);
  const starts = [0];
  for (const list of lists) starts.push(starts[starts.length - 1] + list.length);
  const order = Uint32Array.from([...starts, ...lists.flat()]);
  const byShell = put(runtime, "index", `shells ${size}`, order);
  return { size, count: table.length, xy_k, shells, byShell };
}

/** Phases of translations (pixels of the full image, pairs) for pixel sets of up to `size`, in the scope that is open. */
export function makePhases(
  runtime: Runtime,
  translations_t2: ArrayLike<number>,
  size: number,
  box: number,
): Phases {
  const count = translations_t2.length / 2;
  const columns = size / 2 + 1;
  const table = new Float64Array(2 * phasesLength(count, size));
  const set = (at: number, frequency: number, offset: number) => {
    const angle = (-2 * Math.PI * frequency * offset) / box;
    table[2 * at] = Math.cos(angle);
    table[2 * at + 1] = Math.sin(angle);
  };
  for (let t = 0; t < count; t++) {
    for (let x = 0; x < columns; x++) set(t * columns + x, x, translations_t2[2 * t]);
    for (let j = 0; j < size; j++)
      set(count * columns + t * size + j, j + 1 - size / 2, translations_t2[2 * t + 1]);
  }
  return { count, table: put(runtime, "complex", "phases", table) };
}

/** Complex numbers of the phases of `count` translations. */
export const phasesLength = (count: number, size: number): number => count * (size / 2 + 1 + size);

/** Numbers of a particle in the parameters of the operation `ctf`. */
export const ctfLength = 8;
export const ctfFlags = { intactFirstPeak: 1, phaseFlipped: 2, onlyFlipPhases: 4, premultiplied: 8 } as const;

/**
 * The CTF of a particle in units of pixels and turns: gamma / 2 pi = row[0] x^2 + row[1] x y + row[2] y^2 + row[3] r^4 - row[4], damping
 * exp(row[5] r^2), scale row[6], flags row[7] (`ctfFlags`).
 */
export function ctfRow(
  parameters: CtfParameters,
  options: Omit<CtfOptions, "size" | "magnification" | "phaseOffset">,
): number[] {
  const { defocusU, defocusV, defocusAngle, bFactor = 0, scale = 1, phaseShift = 0 } = parameters;
  const lambda = wavelength(parameters.voltage);
  const step2 = (1 / (options.box * options.pixelSize)) ** 2;
  const angle = (defocusAngle * Math.PI) / 180;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const defocusTurns = -(lambda / 2) * step2;
  const q = parameters.amplitudeContrast;
  let flags = 0;
  for (const [name, bit] of Object.entries(ctfFlags))
    if (options[name as keyof typeof ctfFlags]) flags |= bit;
  return [
    defocusTurns * (defocusU * c * c + defocusV * s * s),
    defocusTurns * 2 * (defocusU - defocusV) * s * c,
    defocusTurns * (defocusU * s * s + defocusV * c * c),
    (parameters.sphericalAberration * 1e7 * lambda ** 3 * step2 * step2) / 4,
    phaseShift / 360 + Math.atan(q / Math.sqrt(1 - q * q)) / (2 * Math.PI),
    (-bFactor / 4) * step2,
    scale,
    flags,
  ];
}

/** The centred half array of a reference with `box` voxels along an axis. */
export function centredGeometry(box: number, paddedBox: number, currentSize: number): CentredGeometry {
  const padding = paddedBox / box;
  const maxShell = Math.min(currentSize / 2, Math.floor(box / 2));
  return { padding, maxShell, radius: round(padding * maxShell) + 1 };
}

/** The padded box of a reference: even. */
export function paddedBoxOf(box: number, padding: number): number {
  const wanted = round(padding * box);
  return wanted + (wanted % 2);
}

/** Elements of a centred half array. */
export const centredLength = ({ radius }: { radius: number }): number => (2 * radius + 1) ** 2 * (radius + 1);

/** The largest squared distance, in elements, inside the sphere of a centred half array. */
export const sphereLimit = ({ padding, maxShell }: CentredGeometry): number => round(padding * maxShell) ** 2;

/** Parts of a scratch buffer start at multiples of this many numbers (256 bytes of float32). */
const scratchAlignment = 64;
export const aligned = (length: number): number => Math.ceil(length / scratchAlignment) * scratchAlignment;

/** Counts that the sizes of an expectation step depend on. */
export interface PassShape {
  readonly particles: number;
  readonly pixels: number;
}

/** Parts of the scratch of a coarse pass, in numbers: shifted images (complex), energy operands, energies, constants. */
export function coarseParts(
  { particles, pixels }: PassShape,
  orientations: number,
  translations: number,
): number[] {
  return [2 * particles * translations * pixels, particles * pixels, particles * orientations, particles].map(
    aligned,
  );
}

/** Numbers of the scratch of `diff2Coarse` and `crossCorrelation`. */
export const coarseScratch = (shape: PassShape, orientations: number, translations: number): number =>
  coarseParts(shape, orientations, translations).reduce((sum, part) => sum + part, 0);

/** Numbers of the scratch of `diff2Fine`: four operands a pixel. */
export const fineScratch = ({ particles, pixels }: PassShape): number => aligned(4 * particles * pixels);

/** Parts of the scratch of `weightedSums`: both images and the weight of each pixel, both sums of each view, slices made on the way (complex). */
export const sumsParts = ({ particles, pixels }: PassShape, slices: number, views: number): number[] =>
  [4 * particles * pixels, particles * pixels, 4 * views * pixels, 2 * slices * pixels].map(aligned);

/** Numbers of the scratch of `weightedSums` for `views` views, with the slices of all children at hand (`made`) or without. */
export const sumsScratch = (shape: PassShape, views: number, made = false): number =>
  sumsParts(shape, made ? 0 : views, views).reduce((sum, part) => sum + part, 0);

/** Elements that one partial sum of `softMask` covers. */
export const maskPart = 65536;

/** Numbers of the scratch of `softMask` with the mean as background. */
export const maskScratch = (shape: readonly number[], count: number): number =>
  2 * count * Math.ceil(shape.reduce((product, n) => product * n, 1) / maskPart);

/** Index words of the scratch of `compactWeights`; rows: orientations of all particles (and classes, where they are listed). */
export const compactScratch = (rows: number): number => 2 * rows + 2 * Math.ceil(rows / scanBlock) + 2;

/** Rows that one workgroup of a prefix sum handles. */
export const scanBlock = 1024;

/** Reals of the scratch of shell sums over `planes` planes. */
export const shellScratch = (planes: number, shells: number): number => 4 * planes * shells;

/**
 * Back-projected pixels whose squared distance is at most the sphere's times this are inside: those that lie on the sphere count whichever
 * way rounding moves them (RELION keeps or drops them by chance).
 */
export const edgeSlack = 1 + 1e-5;

/** Planes (z) of a centred half array. */
export const centredPlanes = ({ radius }: { radius: number }): number => 2 * radius + 1;

/** Elements that a buffer must have: throws where it has fewer. */
export function expectLength(buffer: DeviceBuffer, length: number): void {
  if (buffer.length < length)
    throw new RangeError(`${buffer.name} holds ${buffer.length} elements and ${length} are needed`);
}

/** Give back buffers of the innermost scope, what was taken last first: what comes next may lie there. */
export function freeAll(runtime: Pick<Runtime, "free">, buffers: readonly DeviceBuffer[]): void {
  for (const buffer of buffers.toReversed()) runtime.free(buffer);
}
