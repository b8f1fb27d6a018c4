import type { Case } from "../../../../src/app/small-case/case.js";
import { Arena, type ArenaBlock, alignUp, type Scope, scopes } from "../../../../src/runtime/arena.js";
import type { ShaderLoader } from "../../../../src/runtime/webgpu/shader.js";
import { KernelError } from "../kernel/compile.js";
import { operandReads, tileBytes } from "./counts.js";
import { countedRun, relativeError } from "./gsd.js";

/** Something that was computed, told by the page in its language. */
export interface Finding {
  readonly fact:
    | "sameScores"
    | "otherScores"
    | "sharedReads"
    | "fault"
    | "fits"
    | "tooLarge"
    | "fewerReads"
    | "tooFewFewerReads"
    | "peak"
    | "unaligned"
    | "sumOfRequests"
    | "lessPeak"
    | "morePeak"
    | "sumsLost"
    | "sumsHeld"
    | "bytesLeft"
    | "leastPeak"
    | "peakAboveLeast";
  readonly values: Readonly<Record<string, string | number>>;
}

export interface Verdict {
  readonly solved: boolean;
  readonly findings: readonly Finding[];
}

const told = (fact: Finding["fact"], values: Finding["values"] = {}): Finding => ({ fact, values });

// 1. A wrong tile index.

/** The line of diff2_tiled that the puzzle spoils: orientation and pixel are swapped where the tile is filled. */
export const tileLine = "let at = (entry % depth) * (tile + 1u) + entry / depth;";
export const spoiltLine = "let at = (entry / depth) * (tile + 1u) + entry % depth;";

/** Sums in float64 in another order differ from the reference by this much at most; a wrong index by 1 or so. */
export const sameSums = 1e-9;

/** Run diff2_tiled with another text for its line and compare with the scores of the reference. */
export async function checkTileIndex(
  load: ShaderLoader,
  data: Case,
  expected: Float64Array,
  line: string,
): Promise<Verdict & { readonly scores?: Float64Array }> {
  const edit = (kernel: string, code: string) =>
    kernel === "diff2_tiled" ? code.replace(tileLine, () => line) : code;
  try {
    const { diff2_iot, counts } = await countedRun(load, data, "tiled", { edit });
    const error = relativeError(diff2_iot, expected);
    const wrong = diff2_iot.reduce(
      (count, value, at) =>
        count + Number(!(Math.abs(value - expected[at]) <= sameSums * Math.abs(expected[at]))),
      0,
    );
    const launch = counts.find(({ kernel }) => kernel === "diff2_tiled");
    return {
      solved: error <= sameSums,
      scores: diff2_iot,
      findings: [
        error <= sameSums
          ? told("sameScores", { scores: expected.length, error })
          : told("otherScores", { wrong, scores: expected.length }),
        told("sharedReads", { reads: launch?.sharedReads ?? 0 }),
      ],
    };
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof RangeError)) throw error;
    const problem = error instanceof KernelError ? error.message.replace(/^line \d+: /, "") : error.message;
    return { solved: false, findings: [told("fault", { problem })] };
  }
}

// 2. A tile that fits 16 KiB.

export const workgroupLimit = 16384;
export const wantedReduction = 48;
export const puzzleSamples = { particles: 192, orientations: 192, translations: 1, pixels: 1 };

/** The tile must cut reads of slices by `wantedReduction` at least and fit the memory that every WebGPU device has. */
export function checkTile(side: number, depth: number): Verdict {
  const bytes = tileBytes(side, depth);
  const reduction = operandReads(puzzleSamples, 1).slices / operandReads(puzzleSamples, side).slices;
  const fits = bytes <= workgroupLimit;
  const enough = reduction >= wantedReduction;
  const tile = { side, depth, bytes };
  return {
    solved: fits && enough,
    findings: [
      fits
        ? told("fits", { ...tile, spare: workgroupLimit - bytes })
        : told("tooLarge", { ...tile, over: bytes - workgroupLimit }),
      enough
        ? told("fewerReads", { times: reduction })
        : told("tooFewFewerReads", { times: reduction, asked: wantedReduction }),
    ],
  };
}

// 3. The peak of a program.

export type Action =
  | { readonly kind: "push"; readonly scope: Scope }
  | { readonly kind: "pop"; readonly scope: Scope }
  | { readonly kind: "alloc"; readonly name: string; readonly bytes: number }
  | { readonly kind: "free"; readonly name: string };

export const puzzleAlignment = 256;

/** A small program whose peak is to be told: the last release comes too late to lower the top. */
export const peakProgram: readonly Action[] = [
  { kind: "alloc", name: "reference", bytes: 4096 },
  { kind: "push", scope: "iteration" },
  { kind: "alloc", name: "slices", bytes: 3000 },
  { kind: "push", scope: "job" },
  { kind: "alloc", name: "images", bytes: 1024 },
  { kind: "alloc", name: "scores", bytes: 2000 },
  { kind: "free", name: "images" },
  { kind: "alloc", name: "fine weights", bytes: 1500 },
  { kind: "pop", scope: "job" },
  { kind: "push", scope: "job" },
  { kind: "alloc", name: "images", bytes: 2048 },
  { kind: "pop", scope: "job" },
  { kind: "pop", scope: "iteration" },
];

/** Run a program on a production arena; the top after every action. */
export function runActions(actions: readonly Action[], alignment = puzzleAlignment) {
  const arena = new Arena({ slabs: [2 ** 40], alignment });
  const named = new Map<string, ArenaBlock>();
  const tops = actions.map((action) => {
    if (action.kind === "alloc") named.set(action.name, arena.alloc(action.name, action.bytes));
    else if (action.kind === "free") arena.free(named.get(action.name) as ArenaBlock);
    else if (action.kind === "push") arena.push(action.scope);
    else arena.pop(action.scope);
    return arena.top;
  });
  return { tops, peak: arena.peak };
}

export function checkPeak(answer: number): Verdict {
  const { peak } = runActions(peakProgram);
  if (answer === peak) return { solved: true, findings: [told("peak", { peak })] };
  const asked = peakProgram.map((action) => (action.kind === "alloc" ? action.bytes : 0));
  const unaligned = runActions(peakProgram, 1).peak;
  const hint =
    answer === unaligned
      ? told("unaligned", { alignment: puzzleAlignment })
      : answer === asked.reduce((sum, bytes) => sum + bytes, 0)
        ? told("sumOfRequests")
        : told(answer > peak ? "lessPeak" : "morePeak");
  return { solved: false, findings: [hint] };
}

// 4. The scope of an allocation.

/** Batches of an iteration, and bytes: sums over all batches are read when the iteration ends. */
export const batches = 3;
export const iterations = 2;
export const sumsBytes = 64 * 1024;
const batchBytes = 512 * 1024;

/** Put the sums of an iteration into a scope and run two iterations; the best place holds them as long as they are needed and no longer. */
export function checkScope(scope: Scope): Verdict {
  const arena = new Arena({ slabs: [2 ** 30], alignment: puzzleAlignment });
  const findings: Finding[] = [];
  let sums: ArenaBlock | undefined;
  let lost = false;
  const here = (now: Scope) => {
    if (now === scope) sums = arena.alloc("sums", sumsBytes);
  };
  for (let n = 0; n < iterations; n++) {
    here("global");
    arena.push("iteration");
    here("iteration");
    for (let b = 0; b < batches; b++) {
      arena.push("job");
      arena.alloc("images", batchBytes);
      here("job");
      arena.push("orientation");
      here("orientation");
      arena.pop("orientation");
      arena.pop("job");
    }
    lost ||= sums === undefined || !arena.held.includes(sums);
    arena.pop("iteration");
  }
  const left = arena.top;
  const least = alignUp(sumsBytes, puzzleAlignment) + alignUp(batchBytes, puzzleAlignment);
  findings.push(told(lost ? "sumsLost" : "sumsHeld"));
  if (left > 0) findings.push(told("bytesLeft", { iterations, left }));
  if (!lost)
    findings.push(
      arena.peak > least
        ? told("peakAboveLeast", { peak: arena.peak, more: arena.peak - least })
        : told("leastPeak", { peak: arena.peak }),
    );
  return { solved: !lost && left === 0 && arena.peak === least, findings };
}

export { scopes };
