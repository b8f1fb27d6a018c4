import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSavedRun } from "../../src/app/refine/resume.js";
import { nodeDisk } from "../../src/formats/node.js";
import { cliPath } from "../support/cli.js";
import {
  expectSameFiles,
  filesOf,
  refined,
  runtimeOptions,
  shortRun,
  tinyFolder,
} from "../support/tiny-job.js";

const folder = tinyFolder();
const own = join(folder, "killed");
const optimisers = () => {
  try {
    return filesOf(own).filter((name) => name.endsWith("optimiser.star"));
  } catch {
    return [];
  }
};

/** Start the run, or go on with it, and kill it after some milliseconds; whether it ended before. */
async function killAfter(delay: number, args: readonly string[]): Promise<boolean> {
  const last = optimisers().at(-1);
  const start = last === undefined ? args : ["--continue", `killed/${last}`];
  const child = spawn(process.execPath, [cliPath, "refine", ...start, "--o", "killed/run"], {
    cwd: folder,
    stdio: "ignore",
  });
  const ended = new Promise<NodeJS.Signals | null>((done) =>
    child.on("exit", (_code, signal) => done(signal)),
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), delay);
  const signal = await ended;
  clearTimeout(timer);
  return signal === null;
}

test("a run that is killed at random moments loses nothing that was finished and leaves nothing half-written", async () => {
  const seed = Number(process.env.CRYOTILE_KILL_SEED ?? Date.now() % 1e6);
  console.log(`kill seed ${seed} (CRYOTILE_KILL_SEED)`);
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const args = [...shortRun, ...runtimeOptions.reference, "--perturb", "0.5", "--iter", "6"];
  refined(folder, ...args, "--o", "killed/run", "--verb", "0");
  // The same root, so that the files can be compared.
  const whole = join(folder, "whole");
  renameSync(own, whole);
  mkdirSync(own);
  for (let kills = 0; kills < 6; kills++) {
    if (await killAfter(400 + 2200 * random(), args)) break;
    for (const name of optimisers()) {
      const { refinement } = await readSavedRun(nodeDisk, join(own, name));
      expect(refinement.iteration).toBe(Number(name.slice(6, 9)));
      for (const file of filesOf(own))
        if (file.startsWith(name.slice(0, 9)) && !file.includes(".tmp-"))
          expect(readFileSync(join(own, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
    }
  }
  writeFileSync(join(own, "run_it009_data.star.tmp-1"), "half");
  await killAfter(60_000, args);
  expect(optimisers().at(-1)).toBe("run_it006_optimiser.star");
  expect(readdirSync(own).filter((name) => name.includes(".tmp-"))).toEqual([]);
  expectSameFiles(own, whole);
});
