import type { CaseShape } from "../../../../src/app/small-case/case.js";
import type { Race } from "../compute.js";
import { type Differences, fullDifferences, sampleOf } from "../model/gsd.js";
import type { CaseData } from "../model/terms.js";
import { fill, number, words } from "../text.js";

const signs = (value: number) => String(Math.round(value)).replace("-", "−");

/** A translation in pixels; the tiny case moves along x alone. */
export function translationName({ name, translations_t2 }: CaseData, t: number): string {
  const [x, y] = [translations_t2[2 * t], translations_t2[2 * t + 1]];
  return name === "tiny" ? signs(x) : `(${signs(x)}, ${signs(y)})`;
}

/** A column of the table: particle and translation. */
export const columnOf = ({ translations }: CaseShape, i: number, t: number): number => i * translations + t;
export const poseOfColumn = ({ translations }: CaseShape, column: number) => ({
  i: Math.floor(column / translations),
  t: column % translations,
});
/** Sample of a row (orientation) and column (particle and translation). */
export function cellSample(shape: CaseShape, row: number, column: number): number {
  const { i, t } = poseOfColumn(shape, column);
  return sampleOf(shape, i, row, t);
}

export const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at + 1));
export const columnNames = ({ particles, translations }: CaseShape): string[] =>
  Array.from(
    { length: particles * translations },
    (_, j) => `${Math.floor(j / translations) + 1}${"−·+"[j % translations]}`,
  );

/** Reads the cells of a table: pose, value, and its place among the samples of the particle. */
export function cellReader(
  data: CaseData,
  differences: Differences,
): (row: number, column: number) => string {
  const { shape } = data;
  const { orientations, translations } = shape;
  const values = fullDifferences(shape, differences);
  const each = orientations * translations;
  return (row, column) => {
    const { i, t } = poseOfColumn(shape, column);
    const own = values.subarray(i * each, (i + 1) * each);
    const value = values[sampleOf(shape, i, row, t)];
    const nearer = own.reduce((count, other) => count + Number(other < value), 0);
    return fill(words.table.cell, {
      pose: poseText(data, row, column),
      value: number(value, 1),
      place: nearer + 1,
      all: each,
    });
  };
}

export function poseText(data: CaseData, row: number, column: number): string {
  const { i, t } = poseOfColumn(data.shape, column);
  return fill(words.table.pose, { o: row + 1, i: i + 1, t: translationName(data, t) });
}

/** Where a race ran; some processors play a graphics card. */
export const deviceName = ({ device = "", software = false }: Race): string =>
  software ? fill(words.steps.race.software, { device }) : device;
