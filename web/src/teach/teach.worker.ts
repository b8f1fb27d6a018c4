import { expose } from "comlink";
import { type Case, coarseScores, makeCase } from "../../../src/app/small-case/case.js";
import {
  compareNumbers,
  type NumbersAgreement,
  parseDump,
  smallCaseNumbers,
} from "../../../src/app/small-case/dump.js";
import type { CaseName } from "../../../src/app/small-case/recipes.js";
import { select } from "../../../src/app/small-case/select.js";
import { type Runtime, type ScoreStrategy, scoreStrategies } from "../../../src/runtime/contract.js";
import { openReference } from "../../../src/runtime/reference/index.js";
import { cpuTolerances, webGpuTolerances } from "../../../src/runtime/tolerances.js";
import { loadShaderText, requestBrowserAdapter } from "../../../src/runtime/webgpu/browser.js";
import { openWebGpu } from "../../../src/runtime/webgpu/index.js";
import type { LaunchCount } from "./kernel/machine.js";
import { type PartCounts, readTiles, type TileTable } from "./model/counts.js";
import { computeDifferences, countedRun, type Differences, readsOf, relativeError } from "./model/gsd.js";
import { checkTileIndex } from "./model/puzzles.js";
import { type RaceRow, type RaceSize, race } from "./model/race.js";
import type { CaseData } from "./model/terms.js";
import onCuda from "./traces/small-case-cuda.json?raw";

/** What a strategy did on the tiny case, counted lane by lane. */
export interface StrategyCounts {
  readonly counts: readonly LaunchCount[];
  /** Relative error against the reference. */
  readonly error: number;
  /** Reads of each slice value, and of each value of the images (`direct`) or moved images. */
  readonly sliceReads: Uint32Array;
  readonly imageReads: Uint32Array;
  /** Accesses of each part of the sum: global reads, shared writes, shared reads. */
  readonly parts: readonly PartCounts[];
}

/** All that the views of a case show. */
export interface Prepared {
  readonly data: CaseData;
  readonly differences: Differences;
  readonly tiles: TileTable;
  /** Of the tiny case alone: lane by lane the other one would take minutes. */
  readonly strategies?: Readonly<Record<ScoreStrategy, StrategyCounts>>;
  readonly kernels: Readonly<Record<ScoreStrategy, string>>;
}

/** Agreement of a runtime with the reference on a case. */
export interface Badge {
  readonly runtime: "webgpu" | "cpu";
  readonly device: string;
  readonly software: boolean;
  readonly workgroupBytes: number;
  readonly tolerance: number;
  readonly errors: Readonly<Record<ScoreStrategy, number>>;
}

/** How far the numbers that a graphics card computed with CUDA are from the reference: scores of the three strategies. */
export interface RecordedRun {
  readonly runtime: string;
  readonly device: string;
  readonly date: string;
  readonly tolerance: number;
  readonly errors: Readonly<Record<ScoreStrategy, number>>;
  /** Whether all else, weights and layout of both passes, is within its tolerance too. */
  readonly agrees: boolean;
}

const cases = new Map<CaseName, Promise<Case>>();
function theCase(name: CaseName): Promise<Case> {
  const made = cases.get(name) ?? makeCase(name);
  cases.set(name, made);
  return made;
}

async function strategyCounts(
  data: Case,
  strategy: ScoreStrategy,
  expected: Float64Array,
): Promise<StrategyCounts> {
  const run = await countedRun(loadShaderText, data, strategy, { log: true });
  const { particles, orientations, translations, pixels } = data.shape;
  const parts: { -readonly [count in keyof PartCounts]: number }[] = [];
  for (const { space, kind, part } of run.accesses) {
    // A part ends with two barriers: one after its loads, one after its products.
    const at = part >> 1;
    parts[at] ??= { global: 0, written: 0, shared: 0 };
    if (space === "global") parts[at].global += Number(kind === "read");
    else if (kind === "write") parts[at].written++;
    else parts[at].shared++;
  }
  const images = strategy === "direct" ? particles : particles * translations;
  return {
    counts: run.counts,
    error: relativeError(run.diff2_iot, expected),
    sliceReads: readsOf(run, "slices", orientations * pixels),
    imageReads: readsOf(run, strategy === "direct" ? "images" : "shifted", images * pixels),
    parts,
  };
}

const byStrategy = async <T>(
  make: (strategy: ScoreStrategy) => Promise<T>,
): Promise<Record<ScoreStrategy, T>> => {
  const pairs: [ScoreStrategy, T][] = [];
  for (const strategy of scoreStrategies) pairs.push([strategy, await make(strategy)]);
  return Object.fromEntries(pairs) as Record<ScoreStrategy, T>;
};

async function openRuntime(kind: "webgpu" | "cpu", bytes: number): Promise<Runtime> {
  if (kind === "webgpu")
    return openWebGpu(await requestBrowserAdapter(), { loadShader: loadShaderText, bytes });
  const { openBrowserCpu } = await import("../../../src/runtime/cpu/browser.js");
  return openBrowserCpu({ bytes });
}

const api = {
  async prepare(name: CaseName): Promise<Prepared> {
    const whole = await theCase(name);
    const differences = await computeDifferences(openReference(), whole);
    const { projector: _, ...data } = whole;
    const prepared = {
      data,
      differences,
      tiles: await readTiles(loadShaderText),
      kernels: await byStrategy(async (strategy) => loadShaderText(`diff2_${strategy}.wgsl`)),
    };
    if (name !== "tiny") return prepared;
    return {
      ...prepared,
      strategies: await byStrategy((strategy) => strategyCounts(whole, strategy, differences.diff2_iot)),
    };
  },

  async select(name: CaseName, fraction: number) {
    return select(openReference({ bytes: 2 ** 28 }), await theCase(name), fraction);
  },

  async tileIndex(line: string) {
    const data = await theCase("tiny");
    return checkTileIndex(loadShaderText, data, await coarseScores(openReference(), data), line);
  },

  /** Run a case on a runtime of this machine. Rejects with the reason where there is none. */
  async badge(kind: "webgpu" | "cpu", name: CaseName): Promise<Badge> {
    const data = await theCase(name);
    const expected = await coarseScores(openReference(), data);
    const runtime = await openRuntime(kind, 2 ** 25);
    try {
      const { device, software, workgroupBytes } = runtime.capabilities;
      const errors = await byStrategy(async (strategy) =>
        relativeError(await coarseScores(runtime, data, strategy), expected),
      );
      const { bound } = (kind === "cpu" ? cpuTolerances : webGpuTolerances).diff2Coarse;
      return { runtime: kind, device, software, workgroupBytes, tolerance: bound, errors };
    } finally {
      await runtime.close();
    }
  },

  /** What `cryotile verify --runtime cuda --small-case` wrote on a card. */
  async recorded(): Promise<RecordedRun> {
    const dump = parseDump(onCuda, "small-case-cuda.json");
    const rows = compareNumbers(dump, await smallCaseNumbers(openReference(), await theCase("tiny")));
    const row = (what: string) => rows.find((one) => one.what === what) as NumbersAgreement;
    return {
      runtime: dump.runtime,
      device: dump.device,
      date: dump.date,
      tolerance: row("direct").tolerance,
      errors: await byStrategy(async (strategy) => row(strategy).error),
      agrees: rows.every(({ error, tolerance }) => error <= tolerance),
    };
  },

  async race(
    kind: "webgpu" | "cpu",
    size: RaceSize,
    onRow: (row: RaceRow) => void | Promise<void>,
  ): Promise<{ device: string; software: boolean }> {
    const runtime = await openRuntime(kind, 2 ** 28);
    try {
      await race(runtime, size, onRow);
      const { device, software } = runtime.capabilities;
      return { device, software };
    } finally {
      await runtime.close();
    }
  },
};

export type TeachApi = typeof api;
expose(api);
