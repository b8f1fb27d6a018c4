import type { ScoreStrategy } from "../../../../src/runtime/contract.js";
import { tileSides } from "../../../../src/runtime/gpu/expectation.js";
import { loadKernel, type ShaderLoader } from "../../../../src/runtime/webgpu/shader.js";
import { compileKernel } from "../kernel/compile.js";
import { words } from "../kernel/values.js";

/** Sizes of a coarse pass. */
export interface CoarseShape {
  readonly particles: number;
  readonly orientations: number;
  readonly translations: number;
  readonly pixels: number;
}

/** What a tiled kernel says about itself. */
export interface TileConstants {
  /** Orientations and columns of an output tile. */
  readonly side: number;
  /** Pixels of a part of the sum. */
  readonly depth: number;
  readonly lanes: number;
  /** Workgroup memory. */
  readonly sharedBytes: number;
  readonly shared: readonly { readonly name: string; readonly length: number; readonly bytes: number }[];
}

export type TileTable = Readonly<Record<"tiled" | "gemm", TileConstants>>;

/** The tile constants of the production kernels, read from their text. */
export async function readTiles(load: ShaderLoader): Promise<TileTable> {
  const read = async (name: string): Promise<TileConstants> => {
    const { code } = await loadKernel(name, load);
    const { constants, workgroupSize, shared } = compileKernel(code);
    const arrays = shared.map((array) => ({ ...array, bytes: 4 * words(array.element) * array.length }));
    return {
      side: constants.tile,
      depth: constants.depth,
      lanes: workgroupSize,
      shared: arrays.map(({ name: array, length, bytes }) => ({ name: array, length, bytes })),
      sharedBytes: arrays.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  };
  return { tiled: await read("diff2_tiled"), gemm: await read("diff2_gemm") };
}

/** Elements read from global memory, by kernel and buffer. */
export type ReadCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * Reads of a coarse pass of any size, in closed form. A test compares it with reads that were counted one by one, so that larger passes can
 * be told without being run.
 */
export function countReads(strategy: ScoreStrategy, shape: CoarseShape, tiles: TileTable): ReadCounts {
  const { particles: I, orientations: O, translations: T, pixels: K } = shape;
  const columns = I * T;
  if (strategy === "direct") {
    const all = I * O * T * K;
    return {
      diff2_direct: { slices: all, images: all, ctf: all, weights: all, phases: 2 * all, xy: 2 * all },
    };
  }
  const moved = columns * K;
  const operands = { images: moved, ctf: moved, phases: 2 * moved, xy: 2 * moved };
  if (strategy === "tiled") {
    const { side } = tiles.tiled;
    const perColumn = moved * Math.ceil(O / side);
    return {
      coarse_operands: { ...operands, weights: moved },
      image_constants: { images: I * K, weights: I * K },
      diff2_tiled: {
        slices: O * K * Math.ceil(columns / side),
        shifted: perColumn,
        energy: perColumn,
        constants: I * O * T,
      },
    };
  }
  const { side, depth } = tiles.gemm;
  const groups = Math.ceil(O / side) * Math.ceil(columns / side);
  // Rows beyond the end read the last one again, and one part more than there is is on its way at the end.
  const loaded = groups * side * depth * (Math.ceil(K / depth) + 1);
  return {
    coarse_operands: { ...operands, weights: 2 * moved },
    coarse_energy: {
      slices: O * K * Math.ceil(I / tileSides.energy),
      energy: I * K * Math.ceil(O / tileSides.energy),
    },
    diff2_gemm: { slices: loaded, shifted: loaded, energies: I * O * T },
  };
}

/** What a workgroup does in one part of the sum: reads of the card's memory, values written to its tiles and read from them. */
export interface PartCounts {
  readonly global: number;
  readonly written: number;
  readonly shared: number;
}

/** Values that a lane of diff2_tiled reads a pixel: two slices, two images, two factors. */
const readsOfLane = 6;

/** Part of a block of `rows` x `columns` sums of the tiled kernel in closed form; a test compares it with counts. Tiles are always filled whole. */
export function partCounts(
  { side, depth, lanes }: TileConstants,
  block: { readonly rows: number; readonly columns: number },
  pixels: number,
  part: number,
): PartCounts {
  const loaded = Math.min(depth, pixels - part * depth);
  return {
    global: (block.rows + 2 * block.columns) * loaded,
    written: 3 * side * depth,
    shared: lanes * depth * readsOfLane,
  };
}

const elementBytes: Readonly<Record<string, number>> = { slices: 8, images: 8, shifted: 8, phases: 8 };

/** All reads of a pass, and their bytes. */
export function totalReads(counts: ReadCounts): { reads: number; bytes: number } {
  let reads = 0;
  let bytes = 0;
  for (const buffers of Object.values(counts))
    for (const [name, count] of Object.entries(buffers)) {
      reads += count;
      bytes += count * (elementBytes[name] ?? 4);
    }
  return { reads, bytes };
}

/** Reads of the two operands of a tile of any side: slices and images of every column. Without a tile (`side` 1) each output reads both. */
export function operandReads({ particles, orientations, translations, pixels }: CoarseShape, side: number) {
  const columns = particles * translations;
  return {
    slices: orientations * pixels * Math.ceil(columns / side),
    images: columns * pixels * Math.ceil(orientations / side),
  };
}

/**
 * Workgroup memory of a tile as `diff2_tiled` lays it out: complex slices, complex images and real factors of `depth` pixels, rows one
 * longer than the tile.
 */
export const tileBytes = (side: number, depth: number): number => (side + 1) * depth * (8 + 8 + 4);
