import * as v from "valibot";
import { phases } from "../../em/phase-clock.js";
import { scopes } from "../../runtime/arena.js";
import type { JobEvent } from "../job/events.js";

/** JSON has no infinities and no NaN: they are written as null. */
const real = v.pipe(
  v.nullable(v.number()),
  v.transform((value) => value ?? Number.NaN),
);
const whole = v.pipe(v.number(), v.safeInteger());
const time = v.number();
const reals = v.array(real);

const classSummary = v.object({
  map: v.string(),
  weight: real,
  resolution: real,
  accuracyRotations: real,
  accuracyTranslations: real,
  ssnr: reals,
  fsc: v.exactOptional(reals),
});

const eventSchema = v.variant("kind", [
  v.object({
    kind: v.literal("start"),
    time,
    version: v.string(),
    command: v.array(v.string()),
    runtime: v.string(),
    device: v.string(),
    particles: whole,
    box: v.pipe(whole, v.minValue(2)),
    pixelSize: v.pipe(v.number(), v.gtValue(0)),
    symmetry: v.string(),
    classes: whole,
    iterations: whole,
    root: v.string(),
    from: whole,
  }),
  v.object({
    kind: v.literal("plan"),
    time,
    iteration: whole,
    peak: real,
    byScope: v.object(v.entriesFromList(scopes, real)),
    batch: whole,
  }),
  v.object({ kind: v.literal("warning"), time, message: v.string() }),
  v.object({ kind: v.literal("phase"), time, iteration: whole, phase: v.string() }),
  v.object({ kind: v.literal("progress"), time, iteration: whole, done: real, total: real, rate: real }),
  v.object({
    kind: v.literal("iteration"),
    time,
    iteration: whole,
    resolution: real,
    coarseSize: real,
    currentSize: real,
    angularStep: real,
    offsetStep: real,
    averagePmax: real,
    logLikelihood: real,
    changes: v.exactOptional(v.object({ orientations: real, offsets: real, classes: real })),
    classes: v.array(classSummary),
    significant: reals,
    failed: real,
    screen: v.exactOptional(
      v.object({
        ...{ bound: real, ratio: real, wide: whole, broken: whole },
        ...{ samples: whole, candidates: whole, kept: whole, audited: whole },
      }),
    ),
    seconds: v.object(v.entriesFromList(phases, v.optional(real, 0))),
    peakBytes: real,
    memoryTop: v.array(v.tuple([real, real])),
    files: v.array(v.string()),
  }),
  v.object({
    kind: v.literal("end"),
    time,
    status: v.picklist(["success", "failure", "aborted"]),
    message: v.exactOptional(v.string()),
  }),
]);

/** The event of a line, or undefined where it is none. */
export function parseEvent(line: string): JobEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(eventSchema, value);
  return parsed.success ? parsed.output : undefined;
}
