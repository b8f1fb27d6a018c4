import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRefineArguments } from "../../src/app/refine/arguments.js";
import { ImageStore } from "../../src/app/refine/image-store.js";
import { completeOptions, readParticleSet, readReferences } from "../../src/app/refine/inputs.js";
import { type Refinement, startRefinement } from "../../src/em/refinement.js";
import { nextIteration } from "../../src/em/run-iteration.js";
import { nodeDisk } from "../../src/formats/node.js";
import { parseStar } from "../../src/formats/star/index.js";
import { pointGroup } from "../../src/geometry/symmetry.js";
import { openReference } from "../../src/runtime/reference/index.js";
import type { IterationTables } from "./golden-iteration.js";
import { readMap } from "./maps.js";
import { runTool } from "./relion.js";

/** A run of `relion_refine` and one of ours with the same words. */
export interface BothRuns {
  /** Iteration 0 first. */
  readonly ours: readonly Refinement[];
  relion(iteration: number): IterationTables;
  relionMap(iteration: number, k?: number): Promise<Float32Array>;
}

/** Both programs at the same time, on the reference runtime here; `words` as on the command line, without --o. */
export async function refineBoth(folder: string, name: string, words: string): Promise<BothRuns> {
  const root = join(folder, name);
  mkdirSync(root);
  const args = words.split(/\s+/).filter((word) => word !== "");
  const [ours] = await Promise.all([
    refineHere(args),
    runTool("relion_refine", ["--o", join(root, "run"), "--j", "1", ...args], { cwd: folder }),
  ]);
  const file = (iteration: number, rest: string) =>
    join(root, `run_it${String(iteration).padStart(3, "0")}_${rest}`);
  const star = (path: string, table: string) => parseStar(readFileSync(path), path).get(table);
  return {
    ours,
    relion: (iteration) => ({
      particles: star(file(iteration, "data.star"), "particles"),
      model: (table) => star(file(iteration, "model.star"), table),
    }),
    relionMap: (iteration, k = 0) => readMap(file(iteration, `class00${k + 1}.mrc`)),
  };
}

async function refineHere(words: readonly string[]): Promise<Refinement[]> {
  const args = parseRefineArguments([...words, "--o", "none", "--relion-quirks"]);
  const { files } = args;
  if (files.continueFrom !== undefined) throw new Error("a new run is expected");
  const set = await readParticleSet(nodeDisk, files.i);
  const options = await completeOptions(nodeDisk, args.options, files, set);
  const maps = await readReferences(nodeDisk, files.ref, set, args, options.K);
  const runtime = openReference();
  const context = {
    runtime,
    set,
    options,
    images: await ImageStore.open(
      nodeDisk,
      set,
      files.i,
      2 ** 28,
      options.particleDiameter / (2 * set.pixelSize),
    ),
    group: pointGroup(options.sym, { relionUnit: true }),
    references: maps.length,
  };
  const states = [await startRefinement(context, maps)];
  for (let i = 0; i < options.iter; i++) {
    const chooseBatch = async () => ({ size: 64, keep: "slices" as const, hold: false });
    states.push((await nextIteration(context, states[i], { chooseBatch })).refinement);
  }
  await runtime.close();
  return states;
}
