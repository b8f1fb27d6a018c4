import { type CaseShape, childrenOf } from "../../../../src/app/small-case/case.js";
import {
  type CompressedWeights,
  denseBytes,
  groupedBytes,
  pairBytes,
  type WeightBytes,
} from "../../../../src/runtime/weights.js";

/** Which element of the compressed values something is: particle, parent, child. */
export function elementOf(shape: CaseShape, { start_i, firstSample_g }: CompressedWeights, element: number) {
  const children = childrenOf(shape);
  const group = Math.floor(element / children);
  const child = element % children;
  const particle = start_i.findIndex((start, i) => start <= group && group < start_i[i + 1]);
  const parent = firstSample_g[group] / children;
  return {
    group,
    particle,
    parent,
    orientation: Math.floor(parent / shape.translations),
    translation: parent % shape.translations,
    rotation: Math.floor(child / shape.shifts),
    shift: child % shape.shifts,
    sample: firstSample_g[group] + child,
  };
}

/** Finer orientations and translations of a parent; a test compares them with those of the cases. */
export const finer = { rotations: 8, shifts: 4 } as const;
export const children = finer.rotations * finer.shifts;

export interface LayoutBytes {
  readonly dense: number;
  readonly pairs: number;
  readonly grouped: number;
}

/** Bytes of the three layouts of fine weights where `kept` of `total` parents are kept. */
export const layoutBytes = (kept: number, total: number, valueBytes: WeightBytes): LayoutBytes => ({
  dense: denseBytes(total, children, valueBytes),
  pairs: pairBytes(kept, children, valueBytes),
  grouped: groupedBytes(kept, children, valueBytes),
});

/** The share of kept parents from which a layout takes at least as much as the dense one. */
export function breakEven(layout: "pairs" | "grouped", valueBytes: WeightBytes): number {
  const one = layoutBytes(1, 1, valueBytes);
  return one.dense / one[layout];
}

/** The example of docs/weights.md: a global search with 3.7 degrees and 45 translations. */
export const globalSearch = { orientations: 36864, translations: 45 } as const;
