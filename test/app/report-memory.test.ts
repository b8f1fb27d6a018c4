import { expect, test } from "vitest";
import { memoryFigure } from "../../src/app/report/figures/cost.js";
import { RecordReader } from "../../src/app/report/record.js";
import { jobEvents } from "../support/report-job.js";

test("what the arena held at one time is not added up in its figure", () => {
  // Clocks of browsers may stand still for 100 us or more.
  const memoryTop: [number, number][] = [
    [0, 1e9],
    [0.001, 2e9],
    [0.001, 2 ** 31],
    [0.001, 1.5e9],
    [0.002, 1e9],
  ];
  const reader = new RecordReader();
  for (const event of jobEvents({ iterations: 1 }))
    reader.add(event.kind === "iteration" ? { ...event, memoryTop } : event);
  const record = reader.record();
  expect(record).toBeDefined();
  const drawing = memoryFigure(record as NonNullable<typeof record>)?.drawings[0].text ?? "";
  // All three in one would reach beyond the upper edge.
  const heights = [...drawing.matchAll(/ d="(M[^"]+)"/g)].flatMap(([, path]) =>
    [...path.matchAll(/[ML,]?[\d.]+,(-?[\d.]+)/g)].map(([, y]) => Number(y)),
  );
  expect(heights.length).toBeGreaterThan(10);
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(0);
});
