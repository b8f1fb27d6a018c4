import type { Case } from "../../../../src/app/small-case/case.js";

/** A case without what only the fine pass needs. */
export type CaseData = Omit<Case, "projector">;

/** X e of a particle and a translation: real and imaginary parts of all pixels. */
export function movedImage({ shape, xy, images_ik, translations_t2 }: CaseData, i: number, t: number) {
  const [dx, dy] = [translations_t2[2 * t], translations_t2[2 * t + 1]];
  const moved = new Float64Array(2 * xy.length);
  for (const [k, [x, y]] of xy.entries()) {
    const angle = (-2 * Math.PI * (x * dx + y * dy)) / shape.box;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const at = 2 * (i * xy.length + k);
    moved[2 * k] = images_ik[at] * c - images_ik[at + 1] * s;
    moved[2 * k + 1] = images_ik[at] * s + images_ik[at + 1] * c;
  }
  return moved;
}

/** 1/2 w |C S - X e|^2 of the pixels of one sample. A test compares terms and sums with the scores of the reference. */
export function termsOf(data: CaseData, i: number, o: number, t: number): Float64Array {
  const K = data.xy.length;
  const moved = movedImage(data, i, t);
  return Float64Array.from({ length: K }, (_, k) => {
    const factor = data.ctf_ik[i * K + k];
    const re = factor * data.slices_ok[2 * (o * K + k)] - moved[2 * k];
    const im = factor * data.slices_ok[2 * (o * K + k) + 1] - moved[2 * k + 1];
    return 0.5 * data.weights_ik[i * K + k] * (re * re + im * im);
  });
}

/** A block of the table: orientations and columns (particle and translation). */
export interface Block {
  readonly firstRow: number;
  readonly rows: number;
  readonly firstColumn: number;
  readonly columns: number;
}

/** The workgroup's block that holds a cell of the table. */
export function blockAt({ shape }: CaseData, side: number, row: number, column: number): Block {
  const [firstRow, firstColumn] = [row - (row % side), column - (column % side)];
  return {
    firstRow,
    rows: Math.min(side, shape.orientations - firstRow),
    firstColumn,
    columns: Math.min(side, shape.particles * shape.translations - firstColumn),
  };
}

/** Sums are held every so many pixels: any other is near one of them. */
const heldEvery = 128;

/** Gamma(0, to) of formula 5.2, the sums over the first `to` pixels, for a block of the table: [row][column]. */
export function partialSums(data: CaseData, block: Block): (to: number) => Float64Array {
  const { firstRow, rows, firstColumn, columns } = block;
  const { translations, pixels: K } = data.shape;
  const { ctf_ik, weights_ik, slices_ok } = data;
  const moved = Array.from({ length: columns }, (_, column) => {
    const j = firstColumn + column;
    return movedImage(data, Math.floor(j / translations), j % translations);
  });
  const add = (sums: Float64Array, from: number, to: number) => {
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const slice = 2 * (firstRow + row) * K;
        const particle = Math.floor((firstColumn + column) / translations) * K;
        const image = moved[column];
        let sum = 0;
        for (let k = from; k < to; k++) {
          const factor = ctf_ik[particle + k];
          const re = factor * slices_ok[slice + 2 * k] - image[2 * k];
          const im = factor * slices_ok[slice + 2 * k + 1] - image[2 * k + 1];
          sum += weights_ik[particle + k] * (re * re + im * im);
        }
        sums[row * columns + column] += 0.5 * sum;
      }
    return sums;
  };
  const held: Float64Array[] = [new Float64Array(rows * columns)];
  return (to) => {
    const whole = Math.floor(to / heldEvery);
    while (held.length <= whole)
      held.push(add(held[held.length - 1].slice(), (held.length - 1) * heldEvery, held.length * heldEvery));
    return add(held[whole].slice(), whole * heldEvery, to);
  };
}
