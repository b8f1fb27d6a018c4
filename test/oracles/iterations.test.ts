import { beforeAll, describe, expect, it } from "vitest";
import type { Keep } from "../../src/em/grid-tables.js";
import { openReference } from "../../src/runtime/reference/index.js";
import { outputError } from "../../src/runtime/verify/harness.js";
import { goldenIteration } from "../support/golden-iteration.js";
import {
  describeOn,
  difference,
  fastRuntimes,
  openTestRuntime,
  type RuntimeKind,
} from "../support/runtimes.js";
import { tinyRun } from "../support/tiny-run.js";
import { beyond } from "./parity/check.js";
import { type Found, findCase, iterationAspects, iterationCases, type Way } from "./parity/iterations.js";

interface Run extends Way {
  readonly runtime: RuntimeKind;
}

/** Every case on the reference and on the processor, three of them on webgpu; one with all strategies and everything that can be kept. */
function runs(folder: string): Run[] {
  const kept = { batch: 60, keep: "views" } as const;
  if (folder === "04")
    return [
      { runtime: "reference" },
      ...fastRuntimes.flatMap((runtime): Run[] => [
        { runtime, gsd: "gemm", batch: 7, keep: "nothing" },
        { runtime, gsd: "tiled", ...kept },
        { runtime, gsd: "direct", batch: 32, keep: "slices" },
      ]),
    ];
  const fast = folder === "08" || folder === "11" ? fastRuntimes : (["cpu"] as const);
  return [{ runtime: "reference" }, ...fast.map((runtime) => ({ runtime, ...kept }))];
}

/** What the reference found, by folder; it comes first. */
const onReference = new Map<string, Found>();

for (const [test, run] of iterationCases.flatMap((test) =>
  runs(test.folder).map((run) => [test, run] as const),
))
  describeOn(run.runtime)(`${test.folder}, ${test.name}: ${Object.values(run).join(" ")}`, () => {
    let found: Found;

    beforeAll(async () => {
      const { runtime: kind, ...way } = run;
      const runtime = await openTestRuntime(kind);
      found = await findCase(runtime, test, way);
      await runtime.close();
      if (kind === "reference") onReference.set(test.folder, found);
    });

    for (const { name, check } of iterationAspects(test, run.runtime))
      it(name, async () => {
        const reference = onReference.get(test.folder)!;
        expect(beyond(await check({ test, runtime: run.runtime, found, reference }))).toEqual([]);
      });
  });

for (const kind of fastRuntimes)
  describeOn(kind)(`what is kept, and batches: ${kind}`, () => {
    const options = { healpixOrder: 0, offsetRange: 2, K: 2, perturb: 0.5, pad: 1, skipGridding: true };
    const run = async (batch: number, keep: Keep) => {
      const runtime = await openTestRuntime(kind);
      const { states } = await tinyRun(runtime, options, { batch, keep });
      await runtime.close();
      return states[1];
    };

    it("kept views give the same bytes with batches of any size", async () => {
      const [one, two] = [await run(60, "views"), await run(11, "views")];
      expect(two.particles).toEqual(one.particles);
      expect(two.models).toEqual(one.models);
    });

    it("slices, views or nothing kept differ by float32 sums", async () => {
      const views = await run(60, "views");
      for (const keep of ["slices", "nothing"] as const) {
        const other = await run(13, keep);
        for (const name of ["rot", "tilt", "psi", "originX", "originY", "class", "significant"] as const)
          expect(other.particles[name], name).toEqual(views.particles[name]);
        expect(difference(other.particles.maxProbability, views.particles.maxProbability)).toBeLessThan(1e-6);
        for (const [k, { map, radial }] of other.models[0].classes.entries()) {
          expect(outputError(radial.sigma2, views.models[0].classes[k].radial.sigma2)).toBeLessThan(1e-6);
          expect(outputError(map, views.models[0].classes[k].map)).toBeLessThan(1e-6);
        }
      }
    });
  });

describe("classes that grow after a correlation iteration (oracle 26)", () => {
  it("start from RELION's draws in iteration 2", async () => {
    const runtime = openReference();
    const options = {
      healpixOrder: 0,
      oversampling: 0,
      offsetRange: 1,
      K: 2,
      firstIterCc: true,
      perturb: 0.5,
      iter: 2,
      // Seeded classes are bound to their particles, whatever the maps.
      pad: 1,
      skipGridding: true,
    };
    const { states } = await tinyRun(runtime, options);
    await runtime.close();
    const classes = goldenIteration("11", "kcc_run_it002", false).particles.numbers("rlnClassNumber");
    expect(Array.from(states[2].particles.class, (k) => k + 1)).toEqual(Array.from(classes));
  });
});
