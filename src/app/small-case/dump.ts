import * as v from "valibot";
import { UserError } from "../../errors.js";
import { type Runtime, type ScoreStrategy, scoreStrategies } from "../../runtime/contract.js";
import { isDouble, tolerancesFor } from "../../runtime/tolerances.js";
import { outputError } from "../../runtime/verify/harness.js";
import { type Case, coarseScores, imageConstants } from "./case.js";
import { select } from "./select.js";

/** The share of the probability that the selection of a dump keeps. */
const kept = 0.999;

const numbers = v.array(v.number());
const indices = v.array(v.pipe(v.number(), v.integer(), v.minValue(0)));

const numbersSchema = v.object({
  /** diff2 of every strategy: [i][o][t]. */
  diff2_iot: v.object({ direct: numbers, tiled: numbers, gemm: numbers }),
  constant_i: numbers,
  /** Weights of the first pass, [i][o][t], and what the second made of what was kept: see `Selection`. */
  coarse: numbers,
  start_i: indices,
  firstSample_g: indices,
  values_gs: numbers,
});

const dumpSchema = v.object({
  format: v.literal("cryotile-small-case"),
  version: v.literal(1),
  runtime: v.picklist(["reference", "webgpu", "cpu", "cuda"]),
  device: v.string(),
  precision: v.picklist(["single", "double"]),
  /** Of CryoTile. */
  program: v.string(),
  /** Day of the run, ISO 8601. */
  date: v.string(),
  numbers: numbersSchema,
});

/** Every number of the small case that a runtime computes. */
export type SmallCaseNumbers = v.InferOutput<typeof numbersSchema>;
/** The numbers of one runtime, with where they come from, as `cryotile verify --small-case` writes them. */
export type SmallCaseDump = v.InferOutput<typeof dumpSchema>;

/** Numbers of a dump that belong together, and how far they are from the reference (relative L2; of indices, the share that differs). */
export interface NumbersAgreement {
  readonly what: keyof SmallCaseNumbers | ScoreStrategy;
  readonly error: number;
  readonly tolerance: number;
}

/** The scores of every strategy on a runtime. */
export async function scoresByStrategy(
  runtime: Runtime,
  data: Case,
): Promise<Record<ScoreStrategy, Float64Array>> {
  const scores: [ScoreStrategy, Float64Array][] = [];
  for (const strategy of scoreStrategies)
    scores.push([strategy, await coarseScores(runtime, data, strategy)]);
  return Object.fromEntries(scores) as Record<ScoreStrategy, Float64Array>;
}

/** Run the case on a runtime: both passes and all strategies. */
export async function smallCaseNumbers(runtime: Runtime, data: Case): Promise<SmallCaseNumbers> {
  const { direct, tiled, gemm } = await scoresByStrategy(runtime, data);
  const { coarse, weights } = await select(runtime, data, kept);
  return {
    diff2_iot: { direct: [...direct], tiled: [...tiled], gemm: [...gemm] },
    constant_i: [...(await imageConstants(runtime, data))],
    coarse: [...coarse],
    start_i: [...weights.start_i],
    firstSample_g: [...weights.firstSample_g],
    values_gs: [...weights.values_gs],
  };
}

/** The numbers of a runtime with their origin. */
export const makeDump = (
  { name, capabilities, layout }: Pick<Runtime, "name" | "capabilities" | "layout">,
  numbers: SmallCaseNumbers,
  program: string,
): SmallCaseDump => ({
  format: "cryotile-small-case",
  version: 1,
  runtime: name,
  device: capabilities.device,
  precision: isDouble({ layout }) ? "double" : "single",
  program,
  date: new Date().toISOString().slice(0, 10),
  numbers,
});

/** @throws UserError that names the file and what is wrong in it */
export function parseDump(text: string, name: string): SmallCaseDump {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${name}: is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = v.safeParse(dumpSchema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new UserError(
    `${name}: is not the small case of cryotile verify --small-case: ${v.getDotPath(issue) ?? "file"}: ${issue.message}`,
  );
}

/** How far the numbers of a dump are from those of the reference, and how far they may be. */
export function compareNumbers(
  { runtime, precision, numbers: found }: Pick<SmallCaseDump, "runtime" | "precision" | "numbers">,
  expected: SmallCaseNumbers,
): NumbersAgreement[] {
  const { diff2Coarse, diff2Fine, imageConstants, weightsFromDiff2 } = tolerancesFor(
    runtime,
    precision === "double",
  );
  const largest = Math.max(...expected.diff2_iot.direct.map(Math.abs));
  // A weight is exp(-score): the absolute error of the score is the relative error of the weight.
  const weights = ({ bound }: { bound: number }) => weightsFromDiff2.bound + bound * largest;
  const real = (what: NumbersAgreement["what"], a: number[], b: number[], tolerance: number) => ({
    what,
    error: outputError(Float64Array.from(a), Float64Array.from(b)),
    tolerance,
  });
  const equal = (what: "start_i" | "firstSample_g") => ({
    what,
    error: outputError(Uint32Array.from(found[what]), Uint32Array.from(expected[what])),
    tolerance: 0,
  });
  return [
    ...scoreStrategies.map((strategy) =>
      real(strategy, found.diff2_iot[strategy], expected.diff2_iot[strategy], diff2Coarse.bound),
    ),
    real("constant_i", found.constant_i, expected.constant_i, imageConstants.bound),
    real("coarse", found.coarse, expected.coarse, weights(diff2Coarse)),
    equal("start_i"),
    equal("firstSample_g"),
    real("values_gs", found.values_gs, expected.values_gs, weights(diff2Fine)),
  ];
}
