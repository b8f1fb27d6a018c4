import type { ChildSlices } from "../runtime/contract.js";

/** Views that have a weight, in rising order. */
export interface Views {
  readonly number: Uint32Array;
  readonly particle: Uint32Array;
  readonly total: Float64Array;
  readonly row: Uint32Array;
}

/**
 * The views with a weight, from the weights of all of them: `rotations` a run, runs by particle. Also adds up the weights of runs.
 */
export function listViews(
  totals: ArrayLike<number>,
  runStart: ArrayLike<number>,
  runOrientation: ArrayLike<number>,
  rotations: number,
  runWeight: Float64Array,
): Views {
  const most = runStart[runStart.length - 1] * rotations;
  const views = emptyViews(most);
  let count = 0;
  for (let i = 0; i + 1 < runStart.length; i++)
    for (let run = runStart[i]; run < runStart[i + 1]; run++)
      for (let r = 0; r < rotations; r++) {
        const total = totals[run * rotations + r];
        if (!(total > 0)) continue;
        runWeight[run] += total;
        views.number[count] = run * rotations + r;
        views.particle[count] = i;
        views.total[count] = total;
        views.row[count] = runOrientation[run] * rotations + r;
        count++;
      }
  return someViews(views, 0, count);
}

/** The views of a range of rows. */
export function inRows(views: Views, { firstRow, rows }: ChildSlices): Views {
  const some = emptyViews(views.row.length);
  let count = 0;
  for (let at = 0; at < views.row.length; at++) {
    if (views.row[at] < firstRow || views.row[at] >= firstRow + rows) continue;
    some.number[count] = views.number[at];
    some.particle[count] = views.particle[at];
    some.total[count] = views.total[at];
    some.row[count] = views.row[at];
    count++;
  }
  return someViews(some, 0, count);
}

const emptyViews = (length: number): Views => ({
  number: new Uint32Array(length),
  particle: new Uint32Array(length),
  total: new Float64Array(length),
  row: new Uint32Array(length),
});

const someViews = ({ number, particle, total, row }: Views, first: number, end: number): Views => ({
  number: number.subarray(first, end),
  particle: particle.subarray(first, end),
  total: total.subarray(first, end),
  row: row.subarray(first, end),
});

/** A block of views as `weightedSums` takes it; `mergedOrientation_v` are the rows that its views share. */
export interface ViewBlock {
  readonly views_v2: Uint32Array;
  readonly viewStart_i: Uint32Array;
  readonly total_v: Float64Array;
  readonly orientation_v: Uint32Array;
  readonly merged_m2: Uint32Array;
  readonly members_v2: Uint32Array;
  readonly mergedOrientation_v: Uint32Array;
}

const digitBits = 11;

/** The places of `keys` by rising key; equal keys keep their order. A radix sort in plain loops: millions of views come here in an iteration. */
function placesByKey(keys: Uint32Array): Uint32Array {
  const count = keys.length;
  let places = new Uint32Array(count);
  let next = new Uint32Array(count);
  let largest = 0;
  for (let at = 0; at < count; at++) {
    places[at] = at;
    if (keys[at] > largest) largest = keys[at];
  }
  const mask = 2 ** digitBits - 1;
  const starts = new Uint32Array(mask + 2);
  for (let shift = 0; shift < 32 && largest >>> shift > 0; shift += digitBits) {
    starts.fill(0);
    for (let at = 0; at < count; at++) starts[((keys[at] >>> shift) & mask) + 1]++;
    for (let digit = 0; digit < mask; digit++) starts[digit + 1] += starts[digit];
    for (let at = 0; at < count; at++) next[starts[(keys[places[at]] >>> shift) & mask]++] = places[at];
    [places, next] = [next, places];
  }
  return places;
}

/** Views `first` .. `end`, to be added to the results' rows from `firstRow` on, or one after the other where that is undefined. */
export function viewBlock(
  views: Views,
  first: number,
  end: number,
  particles: number,
  firstRow: number | undefined,
): ViewBlock {
  const count = end - first;
  const { number, particle, total, row } = someViews(views, first, end);
  const views_v2 = new Uint32Array(2 * count);
  const viewStart_i = new Uint32Array(particles + 1);
  for (let view = 0; view < count; view++) {
    views_v2[2 * view] = number[view];
    views_v2[2 * view + 1] = particle[view];
    viewStart_i[particle[view] + 1]++;
  }
  for (let i = 0; i < particles; i++) viewStart_i[i + 1] += viewStart_i[i];
  const order = placesByKey(row);
  const members_v2 = new Uint32Array(2 * count);
  const merged_m2 = new Uint32Array(2 * (count + 1));
  const mergedOrientation_v = new Uint32Array(count);
  let merged = 0;
  for (let at = 0; at < count; at++) {
    const view = order[at];
    members_v2[2 * at] = view;
    members_v2[2 * at + 1] = particle[view];
    if (merged > 0 && mergedOrientation_v[merged - 1] === row[view]) continue;
    merged_m2[2 * merged] = at;
    merged_m2[2 * merged + 1] = firstRow === undefined ? merged : row[view] - firstRow;
    mergedOrientation_v[merged++] = row[view];
  }
  merged_m2[2 * merged] = count;
  return {
    views_v2,
    viewStart_i,
    total_v: total,
    orientation_v: row,
    merged_m2: merged_m2.subarray(0, 2 * (merged + 1)),
    members_v2,
    mergedOrientation_v: mergedOrientation_v.subarray(0, merged),
  };
}
