// `npm run demo`: a refinement from nothing. Simulates particles of a built-in macromolecule into demo-output/, refines them from a blurred map, and
// compares map and poses with the truth. Without a graphics card it runs on a software driver; without that, a small job on the reference runtime.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { softwareVulkan } from "./software-vulkan.mjs";

const root = resolve(import.meta.dirname, "..");
const began = Date.now();
const env = { XDG_RUNTIME_DIR: tmpdir(), ...process.env };
const node = (...args) => {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
};
const cli = (...args) => {
  console.log(`\n$ cryotile ${args.join(" ")}`);
  node("dist/src/app/cli.js", ...args);
};

node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
node("scripts/finish-build.mjs");

const driver = env.VK_DRIVER_FILES ?? softwareVulkan();
if (driver !== undefined) env.VK_DRIVER_FILES = driver;
const probe =
  "const { requestNodeAdapter } = await import('./dist/src/runtime/webgpu/node.js'); await requestNodeAdapter(true); process.exit(0)";
const webgpu =
  spawnSync(process.execPath, ["--input-type=module", "-e", probe], { cwd: root, env, stdio: "ignore" })
    .status === 0;
if (!webgpu)
  console.log("notice: no WebGPU adapter here: a smaller job on the slow reference runtime instead");
const job = webgpu
  ? { box: 64, angpix: 3.54, particles: 600, snr: 0.1, order: 2, iterations: 5, runtime: "webgpu" }
  : { box: 32, angpix: 7.08, particles: 400, snr: 0.5, order: 1, iterations: 4, runtime: "reference" };

const [set, out] = ["demo-output/particles", "demo-output/refine"];
cli(
  ...["simulate", "--builtin", "D2", "--n", `${job.particles}`, "--box", `${job.box}`],
  ...["--angpix", `${job.angpix}`, "--snr", `${job.snr}`, "--o", set, "--overwrite"],
);
mkdirSync(join(root, out), { recursive: true });
cli(
  ...["refine", "--i", `${set}/particles.star`, "--ref", `${set}/ref_lp30.mrc`, "--o", `${out}/run`],
  ...["--sym", "D2", "--ini_high", "30", "--firstiter_cc", "--ctf", "--ctf_corrected_ref"],
  ...["--particle_diameter", "170", "--zero_mask", "--flatten_solvent", "--norm", "--scale"],
  ...["--healpix_order", `${job.order}`, "--offset_range", "5", "--offset_step", "2", "--tau2_fudge", "4"],
  ...["--iter", `${job.iterations}`, "--random_seed", "1", "--runtime", job.runtime],
  ...(webgpu ? ["--software"] : []),
);
const report = join(root, out, "report.html");
if (!existsSync(report)) cli("report", out);

const { scoreMap, scorePoses } = await import("../dist/bench/truth.js");
const { pointGroup } = await import("../dist/src/geometry/symmetry.js");
const last = join(root, out, `run_it00${job.iterations}`);
const at = (name) => join(root, set, name);
const score = (map) => scoreMap(at("truth_class001.mrc"), map, 85);
const [start, map] = [await score(at("ref_lp30.mrc")), await score(`${last}_class001.mrc`)];
const poses = await scorePoses(at("truth.star"), `${last}_data.star`, pointGroup("D2"));
console.log(`
Against the truth, after ${job.iterations} iterations
  map    FSC above 0.143 to ${map.low.toFixed(1)} A, above 0.5 to ${map.half.toFixed(1)} A (the start: ${start.low.toFixed(1)} and ${start.half.toFixed(1)} A)
  poses  half of them within ${poses.median.toFixed(1)} degrees, ${(100 * poses.within10).toFixed(0)} % within 10; they began unknown
Map      ${relative(root, last)}_class001.mrc (opens in ChimeraX; the .star files open in RELION)
Report   ${relative(root, report)}
Time     ${((Date.now() - began) / 1000).toFixed(0)} s

Real data from EMPIAR (https://www.ebi.ac.uk/empiar), any folder with a particle STAR file and its stacks, for instance
EMPIAR-10028, the 80S ribosome of the RELION benchmark (105,247 particles of 360 pixels, 51 GB), beside its map EMD-2660:
  wget -m -nH --cut-dirs=4 https://ftp.ebi.ac.uk/empiar/world_availability/10028/data/Particles/
  cryotile refine --i Particles/shiny_2sets.star --ref emd_2660.map --o out/run --ini_high 60 --firstiter_cc --ctf \\
    --particle_diameter 360 --zero_mask --flatten_solvent --norm --scale --tau2_fudge 4 --K 6 --iter 25
docs/refine.md has more entries (10204, 10017) and what their folders hold.`);
