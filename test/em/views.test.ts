import { expect, test } from "vitest";
import { viewBlock } from "../../src/em/views.js";
import { RandomStream } from "../../src/simulator/random.js";

const seed = Math.floor(Math.random() * 2 ** 31);
const random = new RandomStream(seed, "noise");
const below = (end: number) => Math.floor(random.uniform() * end);

// One to three digits of the radix sort, and few rows that many views share.
test.each([1, 7, 2 ** 11, 2 ** 20, 2 ** 31])(`views of %i rows are merged by row (seed ${seed})`, (rows) => {
  const particles = 5;
  const outside = 11;
  const particle = Uint32Array.from({ length: 400 }, () => below(particles)).sort();
  const views = {
    number: particle.map((_, place) => 3 * place),
    particle,
    total: Float64Array.from(particle, () => random.uniform()),
    row: particle.map(() => below(rows)),
  };
  const first = outside;
  const end = particle.length - outside;
  const block = viewBlock(views, first, end, particles, 0);

  const places = Array.from({ length: end - first }, (_, place) => place);
  const byRow = new Map<number, number[]>();
  for (const place of places) {
    const row = views.row[first + place];
    byRow.set(row, [...(byRow.get(row) ?? []), place]);
  }
  const merged = [...byRow].sort(([one], [other]) => one - other);
  expect([...block.mergedOrientation_v]).toEqual(merged.map(([row]) => row));
  expect([...block.members_v2]).toEqual(
    merged.flatMap(([, members]) => members.flatMap((place) => [place, particle[first + place]])),
  );
  const starts = merged.map((_, m) =>
    merged.slice(0, m).reduce((sum, [, members]) => sum + members.length, 0),
  );
  expect([...block.merged_m2]).toEqual([...merged.flatMap(([row], m) => [starts[m], row]), places.length, 0]);
  expect([...block.viewStart_i]).toEqual(
    Array.from(
      { length: particles + 1 },
      (_, i) => places.filter((place) => particle[first + place] < i).length,
    ),
  );
  expect([...block.views_v2]).toEqual(
    places.flatMap((place) => [3 * (first + place), particle[first + place]]),
  );
});
