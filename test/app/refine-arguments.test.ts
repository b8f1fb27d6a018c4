import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { continuedOptions, parseRefineArguments, refineHelp } from "../../src/app/refine/arguments.js";
import { refineOptions, refusedOptions } from "../../src/app/refine/relion-options.js";
import { UserError } from "../../src/errors.js";
import { describeRelion, runTool } from "../support/relion.js";

const files = "--i particles.star --ref map.mrc --o Class3D/job002/run";
const resumed = "--continue Refine3D/job001/run_it005_optimiser.star --o Refine3D/job001/run_ct005";
const words = (line: string) => line.split(" ").filter((word) => word !== "");
const parse = (line: string) => parseRefineArguments(words(line));
const refined = (line: string) => parse(`${files} ${line}`);

function problem(line: string): string {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "no error";
}

describe("a new run", () => {
  test("the Refine3D line of RELION's interface", () => {
    const parsed = parse(
      "--auto_refine --split_random_halves --i Extract/job003/particles.star --ref map.mrc --firstiter_cc --ini_high 60 --dont_combine_weights_via_disc --preread_images --pool 3 --pad 2 --skip_gridding --ctf --ctf_corrected_ref --particle_diameter 200 --flatten_solvent --zero_mask --solvent_mask mask.mrc --solvent_correct_fsc --oversampling 1 --healpix_order 2 --auto_local_healpix_order 4 --offset_range 5 --offset_step 2 --sym C1 --low_resol_join_halves 40 --norm --scale --j 1 --gpu 0:1 --pipeline_control Refine3D/job004/ --o Refine3D/job004/run",
    );
    expect(parsed.files).toEqual({
      i: "Extract/job003/particles.star",
      o: "Refine3D/job004/run",
      ref: "map.mrc",
      solventMask: "mask.mrc",
      pipelineControl: "Refine3D/job004/",
    });
    expect(parsed.options).toMatchObject({
      autoRefine: true,
      firstIterCc: true,
      iniHigh: 60,
      pad: 2,
      skipGridding: true,
      ctf: true,
      ctfCorrectedRef: true,
      particleDiameter: 200,
      flattenSolvent: true,
      zeroMask: true,
      solventCorrectFsc: true,
      offsetRange: 5,
      sym: "C1",
      lowResolJoinHalves: 40,
      norm: true,
      scale: true,
    });
    expect(parsed.preread).toBe(true);
    expect(parsed.notices.map((line) => line.split(" ")[0])).toEqual([
      "--pool",
      "--dont_combine_weights_via_disc",
      "--preread_images",
      "--gpu",
    ]);
  });

  test("a Class3D line, with the device list left out or empty", () => {
    const line = `${files} --iter 25 --tau2_fudge 4 --K 4 --strict_highres_exp 8 --fast_subsets --gpu`;
    expect(parse(line).options).toMatchObject({ K: 4, iter: 25, tau2Fudge: 4, strictHighresExp: 8 });
    expect(parse(`${line} --ctf`).options.ctf).toBe(true);
    expect(parseRefineArguments([...words(line), "", "--ctf"]).options.ctf).toBe(true);
    expect(parse(`${line} 0,1:2,3 --ctf`).options.ctf).toBe(true);
  });

  test("-1 stands for not set", () => {
    const unset =
      "--particle_diameter -1 --psi_step -1 --sigma_ang -1 --sigma_rot -1.0 --maxsig -1 --coarse_size -1 --strict_highres_exp -1 --limit_tilt -91 --ref_angpix -1 --ini_high -1";
    const [given, bare] = [refined(`${unset} --random_seed 1`), refined("--random_seed 1")];
    expect(given.options).toEqual(bare.options);
    expect(given.options.iniHigh).toBe(0);
    for (const field of ["particleDiameter", "psiStep", "sigmaRot", "maxSig", "coarseSize", "limitTilt"])
      expect(given.options).not.toHaveProperty(field);
    expect(given).not.toHaveProperty("refAngpix");
  });

  test("no file is given as None or as nothing", () => {
    const { files: given } = parseRefineArguments([
      ...words(`${files} --solvent_mask None --scratch_dir`),
      "",
      "--pipeline_control=",
    ]);
    expect(given).toEqual({ i: "particles.star", ref: "map.mrc", o: "Class3D/job002/run" });
  });

  test("one sigma for three angles", () => {
    const { options, given } = refined("--sigma_ang 1.5");
    expect(options).toMatchObject({ sigmaRot: 1.5, sigmaTilt: 1.5, sigmaPsi: 1.5 });
    expect([...given]).toEqual(expect.arrayContaining(["sigma_rot", "sigma_tilt", "sigma_psi"]));
    expect(refined("--sigma_tilt 2").options).toMatchObject({ sigmaTilt: 2 });
    expect(problem(`${files} --sigma_ang 2 --sigma_psi 1`)).toBe(
      "--sigma_ang and --sigma_psi exclude each other",
    );
  });

  test("the seed comes from the clock where it is -1 and stays as given otherwise", () => {
    const seed = (now: number) => parseRefineArguments(words(files), { clock: () => now }).options.randomSeed;
    expect(seed(0)).toBe(1);
    expect(seed(41)).toBe(42);
    expect(seed(2 ** 31 - 2)).toBe(2 ** 31 - 1);
    expect(seed(2 ** 31 - 1)).toBe(1);
    expect(refined("").options.randomSeed).toBeGreaterThan(0);
    expect(refined("--random_seed 0").options.randomSeed).toBe(0);
    expect(refined("--random_seed 1993").options.randomSeed).toBe(1993);
  });

  test("--name=value, and - for _", () => {
    expect(refined("--healpix-order=3 --tau2_fudge=2.5e0 --iter 1e2").options).toMatchObject({
      healpixOrder: 3,
      tau2Fudge: 2.5,
      iter: 100,
    });
    expect(refined("--host_memory 2GB").hostMemory).toBe(2e9);
    expect(refined("--host-memory 2GiB").hostMemory).toBe(2 ** 31);
    expect(parse("--i a=b.star --ref=c=d.mrc --o e").files).toEqual({
      i: "a=b.star",
      ref: "c=d.mrc",
      o: "e",
    });
  });

  test("our own options", () => {
    expect(
      refined("--memory 80GB --batch 64 --trace t.json --gsd tiled --software --relion-quirks"),
    ).toMatchObject({
      memory: 8e10,
      batch: 64,
      trace: "t.json",
      software: true,
      runtime: "auto",
      precision: "auto",
      options: { gsd: "tiled", relionQuirks: true },
    });
    expect(refined("")).toMatchObject({
      options: { gsd: "screen", relionQuirks: false },
      checkNorm: true,
    });
    expect(refined("--dont_check_norm").checkNorm).toBe(false);
  });

  test.each([
    ["", "auto"],
    ["--runtime webgpu --precision single", "webgpu"],
    ["--precision single", "auto"],
    ["--precision double", "auto"],
    ["--runtime cuda --precision double", "cuda"],
    ["--runtime reference --precision double", "reference"],
    ["--runtime reference --precision auto", "reference"],
  ])("%s computes on %s", (line, runtime) => expect(refined(line).runtime).toBe(runtime));
});

describe("a continued run", () => {
  test("takes what RELION's interface gives again", () => {
    const { files: given, options } = parse(
      `${resumed} --dont_combine_weights_via_disc --scratch_dir /scratch --pool 3 --pad 1 --iter 50 --tau2_fudge 4 --particle_diameter 320 --oversampling 1 --healpix_order 3 --offset_range 5 --offset_step 2 --j 9 --gpu 0,1 --pipeline_control Class3D/job005/`,
    );
    expect(given).toEqual({
      continueFrom: "Refine3D/job001/run_it005_optimiser.star",
      o: "Refine3D/job001/run_ct005",
      pipelineControl: "Class3D/job005/",
    });
    expect(options).toMatchObject({ pad: 1, iter: 50, healpixOrder: 3 });
  });

  test("options that were given replace those of the run, others stay", () => {
    const saved = refined(
      "--iter 20 --K 3 --norm --scale --sigma_ang 4 --particle_diameter 180 --sym D7 --random_seed 5",
    ).options;
    const again = parse(`${resumed} --iter 30 --no_norm --sigma_ang -1 --particle_diameter -1 --psi_step 7`);
    const { sigmaRot, sigmaTilt, sigmaPsi, particleDiameter, ...rest } = saved;
    expect([sigmaRot, sigmaTilt, sigmaPsi, particleDiameter]).toEqual([4, 4, 4, 180]);
    expect(continuedOptions(saved, again)).toEqual({ ...rest, iter: 30, norm: false, psiStep: 7 });
    expect(continuedOptions(saved, parse(resumed))).toEqual(saved);
  });

  test("--force_converge", () => {
    expect(parse(`${resumed} --force_converge`).options.forceConverge).toBe(true);
    expect(problem(`${files} --force_converge`)).toBe("--force_converge needs --continue");
  });

  test.each(["--sym C2", "--i p.star", "--ref m.mrc", "--K 2", "--auto_refine", "--ctf", "--random_seed 1"])(
    "%s is fixed by the run",
    (line) =>
      expect(problem(`${resumed} ${line}`)).toBe(
        `${line.split(" ")[0]} cannot be given with --continue: it is fixed by the run that is continued`,
      ),
  );
});

describe("errors", () => {
  const stem = `${files} `;
  test.each([
    ["--healpix_ordr 2", "unknown option --healpix_ordr; did you mean --healpix_order?"],
    ["--k 2", "unknown option --k; did you mean --K?"],
    ["--hostmemory 2GB", "unknown option --hostmemory; did you mean --host-memory?"],
    ["-j 2", "unknown option -j; did you mean --j?"],
    ["--qqqqqqqqqqqq=1", "unknown option --qqqqqqqqqqqq; cryotile refine --help lists the options"],
    ["--constructor 1", /^unknown option --constructor/],
    ["--iter", "--iter needs a value"],
    ["--iter --ctf", "--iter needs a value"],
    ["--iter ten", "--iter ten: is not a number"],
    ["--iter=", "--iter : is not a number"],
    ["--iter 0x10", "--iter 0x10: is not a number"],
    ["--tau2_fudge NaN", "--tau2_fudge NaN: is not a number"],
    ["--tau2_fudge Infinity", "--tau2_fudge Infinity: is not a number"],
    ["--tau2_fudge 1e999", "--tau2_fudge 1e999: is not a number"],
    ["--iter 2.5", "--iter 2.5: must be a whole number"],
    ["--iter 1001", "--iter 1001: must be at least 0 and at most 1000"],
    ["--healpix_order 10", "--healpix_order 10: must be at least 0 and at most 9"],
    ["--oversampling 4", "--oversampling 4: must be at least 0 and at most 3"],
    ["--K 0", "--K 0: must be at least 1 and at most 100"],
    ["--pad 4", "--pad 4: must be at least 1 and at most 3"],
    ["--tau2_fudge 0", "--tau2_fudge 0: must be above 0"],
    ["--perturb 1.1", "--perturb 1.1: must be at least 0 and at most 1"],
    ["--adaptive_fraction 0", "--adaptive_fraction 0: must be above 0 and at most 1"],
    ["--particle_diameter 0", "--particle_diameter 0: must be above 0, or -1 for none"],
    ["--random_seed -2", "--random_seed -2: must be at least -1 and at most 2147483647"],
    ["--ctf=1", "--ctf=1: --ctf takes no value"],
    ["--ctf true", 'unexpected argument "true" after --ctf, which takes no value'],
    ["--iter 5 more", 'unexpected argument "more"; options are --name value'],
    ["--iter 5 --iter 6", "--iter is given twice"],
    ["--host-memory 1GB --host_memory=2GB", "--host-memory is given twice"],
    ["--o other", "--o is given twice"],
    ["--sym C0", /^symmetry C0 is not known/],
    ["--memory lots", /^--memory lots: is not an amount of memory/],
    ["--runtime opencl", "--runtime opencl: must be one of auto, cuda, webgpu, cpu, reference"],
    ["--gsd tile", "--gsd tile: must be one of direct, tiled, gemm, screen"],
    ["--precision double --runtime webgpu", /WGSL has no float64; --runtime cuda or reference/],
    ["--precision double --runtime cpu", /single precision; --runtime cuda or reference/],
    ["--precision single --runtime reference", /double precision alone/],
    ["--auto_refine", "--auto_refine needs --split_random_halves"],
    ["--split_random_halves", "--split_random_halves needs --auto_refine"],
    ["--auto_refine --split_random_halves --K 2", /^--auto_refine refines one map: --K 2/],
    ["--norm --no_norm", "--norm and --no_norm exclude each other"],
    ["--skip_gridding --dont_skip_gridding", "--skip_gridding and --dont_skip_gridding exclude each other"],
    ["--solvent_correct_fsc", "--solvent_correct_fsc needs --solvent_mask"],
  ])("%s", (line, message) => {
    if (typeof message === "string") expect(problem(stem + line)).toBe(message);
    else expect(problem(stem + line)).toMatch(message);
  });

  test.each([
    ["", /^--i is missing/],
    ["--i p.star --o run", /^--ref is missing.*2D classification/],
    ["--i p.star --o run --ref None", /^--ref is missing/],
    ["--i p.star --ref m.mrc", /^--o is missing/],
    ["--continue run_it001_optimiser.star", /^--o is missing/],
  ])("without what a run needs: %s", (line, message) => expect(problem(line)).toMatch(message));

  test("options that RELION has and this program has not say so, unless they are at their default", () => {
    for (const { reason, options } of refusedOptions)
      for (const [name, standard] of Object.entries(options)) {
        const value = standard === false ? [] : ["7.125"];
        expect(() => parseRefineArguments([...words(files), `--${name}`, ...value])).toThrow(
          `--${name} is not supported: ${reason}`,
        );
        if (standard !== false)
          expect(() => parseRefineArguments([...words(files), `--${name}`, `${standard}`])).not.toThrow();
      }
    expect(problem(`${files} --lowpass 0.0 --tau None --blush`)).toMatch(/^--blush is not supported/);
    expect(problem(`${files} --lowpass`)).toBe("--lowpass needs a value");
  });
});

test("the help has every option once, with its default", () => {
  const help = refineHelp();
  for (const { name, help: line } of refineOptions) {
    expect(help.match(new RegExp(`^  --${name}(?= |$)`, "gm")), name).toHaveLength(1);
    expect(help).toContain(line);
  }
  expect(help).toMatch(/--adaptive_fraction <fraction> \(0\.999\)/);
  for (const name of refusedOptions.flatMap(({ options }) => Object.keys(options)))
    expect(help).toContain(`--${name}`);
});

/** Names and defaults as a RELION program prints them. */
function printedOptions(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^ *--(\S+) (?:\((.*?)\) )?: /gm)].map(([, name, standard = ""]) => [name, standard]),
  );
}

const same = (ours: unknown, printed: string) =>
  typeof ours === "number" ? Number(printed) === ours : String(ours) === printed;

const refusedDefaults = new Map<string, false | number | string>(
  refusedOptions.flatMap(({ options }) => Object.entries(options)),
);
const understood = new Map<string, (typeof refineOptions)[number]>(
  refineOptions.map((option) => [option.name, option]),
);

describeRelion("relion_refine", () => {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-arguments-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const help = (...args: string[]) => {
    const { stdout, stderr } = spawnSync("relion_refine", [...args, "--help"], {
      cwd: folder,
      encoding: "utf8",
    });
    return printedOptions(stdout + stderr);
  };

  test("prints no option that is unknown here, and the same defaults", () => {
    const printed = help();
    expect(printed.size).toBeGreaterThan(120);
    for (const [name, standard] of printed) {
      const option = understood.get(name);
      if (option === undefined) {
        expect(refusedDefaults.has(name), name).toBe(true);
        const ours = refusedDefaults.get(name);
        if (ours !== false) expect(same(ours, standard), `--${name} (${standard})`).toBe(true);
        else expect(["false", ""], name).toContain(standard);
      } else {
        const ours = "default" in option ? option.default : undefined;
        expect(same(ours, standard), `--${name} (${standard}): ${ours}`).toBe(true);
      }
    }
  });

  test("takes the same options with --continue", async () => {
    const golden = resolve(import.meta.dirname, "../golden/tiny");
    for (const file of ["parts.star", "ref.mrc"]) cpSync(join(golden, file), join(folder, file));
    writeFileSync(join(folder, "noisy.mrcs"), gunzipSync(readFileSync(join(golden, "noisy.mrcs.gz"))));
    mkdirSync(join(folder, "first"));
    await runTool(
      "relion_refine",
      words(
        "--i parts.star --ref ref.mrc --o first/run --iter 1 --healpix_order 0 --oversampling 0 --offset_range 2 --particle_diameter 90 --ini_high 30 --zero_mask --random_seed 1",
      ),
      { cwd: folder },
    );
    const printed = help("--continue", "first/run_it001_optimiser.star");
    expect(printed.size).toBeGreaterThan(60);
    for (const name of printed.keys())
      expect(understood.has(name) || refusedDefaults.has(name), name).toBe(true);
    const all = help();
    for (const { name, continued, idle } of refineOptions) {
      if (idle !== undefined || !(all.has(name) || printed.has(name))) continue;
      expect(continued !== undefined, name).toBe(printed.has(name));
      expect(continued === "only", name).toBe(!all.has(name) && name !== "continue");
    }
  });
});
