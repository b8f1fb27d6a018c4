// `npm run demo`: a refinement from nothing. Simulates particles of a built-in macromolecule into demo-output/ (or the folder that is given),
// refines them from a blurred map on the best runtime of the machine, and compares map and poses with the truth.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = resolve(process.argv[2] ?? join(root, "demo-output"));
const began = Date.now();
const cli = (...args) => {
  console.log(`\n$ cryotile ${args.join(" ")}`);
  const command = join(root, "dist/src/app/cli.js");
  const { status } = spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
};

mkdirSync(join(folder, "refine"), { recursive: true });
cli(
  ...["simulate", "--builtin", "D2", "--n", "1500", "--box", "64", "--angpix", "3.54", "--snr", "0.1"],
  ...["--o", "particles", "--overwrite"],
);
const iterations = 6;
cli(
  ...["refine", "--i", "particles/particles.star", "--ref", "particles/ref_lp30.mrc", "--o", "refine/run"],
  ...["--sym", "D2", "--ini_high", "30", "--firstiter_cc", "--ctf", "--ctf_corrected_ref"],
  ...["--particle_diameter", "170", "--zero_mask", "--flatten_solvent", "--norm", "--scale"],
  ...["--healpix_order", "2", "--offset_range", "5", "--offset_step", "2", "--tau2_fudge", "4"],
  ...["--iter", `${iterations}`, "--random_seed", "1"],
);

const { scoreMap, scorePoses } = await import("../dist/bench/truth.js");
const { pointGroup } = await import("../dist/src/geometry/symmetry.js");
const last = join(folder, "refine", `run_it00${iterations}`);
const at = (name) => join(folder, "particles", name);
const score = (map) => scoreMap(at("truth_class001.mrc"), map, 85);
const [start, map] = [await score(at("ref_lp30.mrc")), await score(`${last}_class001.mrc`)];
const poses = await scorePoses(at("truth.star"), `${last}_data.star`, pointGroup("D2"));
console.log(`
Against the truth, after ${iterations} iterations
  map    FSC above 0.143 to ${map.low.toFixed(1)} A, above 0.5 to ${map.half.toFixed(1)} A (the start: ${start.low.toFixed(1)} and ${start.half.toFixed(1)} A)
  poses  half of them within ${poses.median.toFixed(1)} degrees, ${(100 * poses.within10).toFixed(0)} % within 10; they began unknown
Map      ${relative(process.cwd(), last)}_class001.mrc (opens in ChimeraX; the .star files open in RELION)
Report   ${relative(process.cwd(), join(folder, "refine", "report.html"))}
Time     ${((Date.now() - began) / 1000).toFixed(0)} s

Real data from EMPIAR (https://www.ebi.ac.uk/empiar), any folder with a particle STAR file and its stacks, for instance
EMPIAR-10028, the 80S ribosome of the RELION benchmark (105,247 particles of 360 pixels, 51 GB), beside its map EMD-2660:
  wget -m -nH --cut-dirs=4 https://ftp.ebi.ac.uk/empiar/world_availability/10028/data/Particles/
  cryotile refine --i Particles/shiny_2sets.star --ref emd_2660.map --o out/run --ini_high 60 --firstiter_cc --ctf \\
    --particle_diameter 360 --zero_mask --flatten_solvent --norm --scale --tau2_fudge 4 --K 6 --iter 25
docs/refine.md has more entries (10204, 10017) and what their folders hold.`);
