import type { ChildSlices } from "../runtime/contract.js";

/** Views that have a weight, in rising order. */
export interface Views {
  readonly number: number[];
  readonly particle: number[];
  readonly total: number[];
  readonly row: number[];
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
  const views: Views = { number: [], particle: [], total: [], row: [] };
  for (let i = 0; i + 1 < runStart.length; i++)
    for (let run = runStart[i]; run < runStart[i + 1]; run++)
      for (let r = 0; r < rotations; r++) {
        const total = totals[run * rotations + r];
        if (!(total > 0)) continue;
        runWeight[run] += total;
        views.number.push(run * rotations + r);
        views.particle.push(i);
        views.total.push(total);
        views.row.push(runOrientation[run] * rotations + r);
      }
  return views;
}

/** The views of a range of rows. */
export function inRows(views: Views, { firstRow, rows }: ChildSlices): Views {
  const own = views.row.map((row) => row >= firstRow && row < firstRow + rows);
  const some = (values: number[]) => values.filter((_, at) => own[at]);
  return {
    number: some(views.number),
    particle: some(views.particle),
    total: some(views.total),
    row: some(views.row),
  };
}

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

/** Views `first` .. `end`, to be added to the results' rows from `firstRow` on, or one after the other where that is undefined. */
export function viewBlock(
  views: Views,
  first: number,
  end: number,
  particles: number,
  firstRow: number | undefined,
): ViewBlock {
  const count = end - first;
  const views_v2 = new Uint32Array(2 * count);
  const viewStart_i = new Uint32Array(particles + 1);
  for (let at = first; at < end; at++) {
    views_v2[2 * (at - first)] = views.number[at];
    views_v2[2 * (at - first) + 1] = views.particle[at];
    viewStart_i[views.particle[at] + 1]++;
  }
  for (let i = 0; i < particles; i++) viewStart_i[i + 1] += viewStart_i[i];
  const row = Uint32Array.from(views.row.slice(first, end));
  // By row, then by place: one number tells both, and numbers sort without a callback.
  const order = Float64Array.from(row, (value, at) => value * count + at).sort();
  const members_v2 = new Uint32Array(2 * count);
  const merged: number[] = [];
  const orientations: number[] = [];
  for (let at = 0; at < count; at++) {
    const view = order[at] % count;
    members_v2[2 * at] = view;
    members_v2[2 * at + 1] = views.particle[first + view];
    if (at > 0 && row[view] === row[order[at - 1] % count]) continue;
    merged.push(at, firstRow === undefined ? orientations.length : row[view] - firstRow);
    orientations.push(row[view]);
  }
  merged.push(count, 0);
  return {
    views_v2,
    viewStart_i,
    total_v: Float64Array.from(views.total.slice(first, end)),
    orientation_v: row,
    merged_m2: Uint32Array.from(merged),
    members_v2,
    mergedOrientation_v: Uint32Array.from(orientations),
  };
}
