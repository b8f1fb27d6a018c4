// Checks and times the runtimes of a machine with a graphics card: `node scripts/check-device.mjs [FOLDER] [BENCHMARK ...] [--runtime cuda]
// [--set DIR] [--sanitize]` (in a bundle: `bin/node scripts/check-device.mjs`). With `--runtime cuda` the contract suite and a whole iteration
// are compared with the reference, a refinement is run twice for equal bytes, and one is profiled; `--sanitize` also runs the suite in
// compute-sanitizer. Prints short tables; JSON records go to FOLDER (default: bench/records).
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const root = resolve(import.meta.dirname, "..");
const records = join(root, "bench", "records");
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { runtime: { type: "string" }, set: { type: "string" }, sanitize: { type: "boolean" } },
});
const target = resolve(positionals[0] ?? records);
const names = positionals.slice(1);
const cuda = values.runtime === "cuda";
const benchmarks = names.length > 0 ? names : ["contract", "coarse", ...(cuda ? ["fft", "refine"] : [])];
mkdirSync(target, { recursive: true });
const env = {
  ...process.env,
  LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, join(root, "lib")].filter(Boolean).join(":"),
};
let failed = false;

function run(title, command, args, { cwd = root, ...extra } = {}) {
  const begun = Date.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...env, ...extra },
    maxBuffer: 2 ** 26,
  });
  console.log(`${status === 0 ? "ok" : "FAILED"}: ${title} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  if (status !== 0) {
    failed = true;
    console.log(`${stdout ?? ""}\n${stderr ?? ""}`.slice(-4000));
  }
  return status === 0 ? stdout : undefined;
}

const cli = (...args) => [join(root, "dist", "src", "app", "cli.js"), ...args];
const lastLines = (text, count) => text?.trim().split("\n").slice(-count).join("\n") ?? "";

/** The contract suite and an iteration against the reference, and the suite in compute-sanitizer. */
function checkCuda() {
  const verify = cli("verify", "--runtime", "cuda", "--software");
  for (const precision of [[], ["--precision", "double"]]) {
    const name = ["verify", ...precision].join(" ");
    console.log(lastLines(run(name, process.execPath, [...verify, ...precision]), 120));
    const own = { CRYOTILE_CUFFT: "none" };
    console.log(
      lastLines(run(`${name}, own transforms`, process.execPath, [...verify, ...precision], own), 120),
    );
    console.log(lastLines(run(`${name} --job`, process.execPath, [...verify, ...precision, "--job"]), 20));
  }
  if (values.sanitize)
    for (const tool of ["memcheck", "racecheck"])
      console.log(
        lastLines(
          run(`compute-sanitizer ${tool}`, "compute-sanitizer", [
            ...[
              "--tool",
              tool,
              "--error-exitcode",
              "9",
              "--target-processes",
              "all",
              process.execPath,
              ...verify,
            ],
          ]),
          3,
        ),
      );
}

/** Two runs must write the same bytes; a third tells where the time goes. */
function repeatCuda() {
  const work = mkdtempSync(join(tmpdir(), "cryotile-check-"));
  const set = values.set === undefined ? join(work, "set") : resolve(values.set);
  if (values.set === undefined)
    run(
      "simulate",
      process.execPath,
      cli(
        ..."simulate --builtin C1 --n 1000 --box 64 --angpix 3.54 --snr 0.1 --diameter 180 --seed 1 --lowpass 30 --o set".split(
          " ",
        ),
      ),
      { cwd: work },
    );
  const options =
    "--i particles.star --ref ref_lp30.mrc --firstiter_cc --ini_high 30 --ctf --particle_diameter 180 --flatten_solvent --zero_mask --offset_range 5 --offset_step 2 --norm --scale --tau2_fudge 4 --healpix_order 2 --iter 3 --random_seed 1 --verb 1".split(
      " ",
    );
  const refine = (folder, extra) => {
    mkdirSync(join(work, folder));
    return run(
      `refine ${folder}`,
      process.execPath,
      cli(
        "refine",
        ...options,
        "--runtime",
        "cuda",
        "--software",
        "--o",
        join(work, folder, "run"),
        ...extra,
      ),
      { cwd: set },
    );
  };
  const hash = (folder) => {
    const sum = createHash("sha256");
    for (const file of readdirSync(join(work, folder))
      .filter((name) => /_(data\.star|class001\.mrc)$/.test(name))
      .sort())
      sum.update(file).update(readFileSync(join(work, folder, file)));
    return sum.digest("hex");
  };
  const profile = join(target, "profile.json");
  console.log(refine("first", []) ?? "");
  refine("second", []);
  refine("profiled", ["--profile", profile]);
  const same = !failed && hash("first") === hash("second");
  if (!same) failed = true;
  console.log(`${same ? "ok" : "FAILED"}: two runs write the same bytes`);
  if (existsSync(profile)) {
    const { wallSeconds, busySeconds, work: kinds } = JSON.parse(readFileSync(profile, "utf8"));
    console.log(`profile: ${busySeconds.toFixed(3)} s of ${wallSeconds.toFixed(3)} s busy`);
    for (const { name, count, seconds } of kinds.slice(0, 24))
      console.log(
        `  ${name.padEnd(24)} ${String(count).padStart(7)} x ${((1e6 * seconds) / count).toFixed(1).padStart(10)} us = ${(1e3 * seconds).toFixed(1).padStart(9)} ms`,
      );
  }
  rmSync(work, { recursive: true, force: true });
}

console.log(run("inspect", process.execPath, cli("inspect")) ?? "");
if (cuda) {
  checkCuda();
  repeatCuda();
}
// The card's own library at the shape of the coarse pass, where PyTorch is installed.
const product = `
import torch
torch.backends.cuda.matmul.allow_tf32 = False
a = torch.randn(36864, 3116, device="cuda"); b = torch.randn(3116, 1344, device="cuda")
for _ in range(5): a @ b
times = []
for _ in range(20):
    s, e = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    s.record(); a @ b; e.record(); torch.cuda.synchronize(); times.append(s.elapsed_time(e))
print(2 * 36864 * 3116 * 1344 / sorted(times)[10] / 1e9)
`;
const cublas = benchmarks.includes("coarse")
  ? (run("cuBLAS float32 product", "python3", ["-c", product])?.trim() ?? "")
  : "";
if (cublas !== "") console.log(`  ${cublas} TFLOP/s`);
for (const name of benchmarks) {
  const options = [
    ...(values.runtime === undefined ? [] : ["--runtime", values.runtime]),
    ...(values.set === undefined || name !== "refine" ? [] : ["--set", values.set]),
  ];
  const text = run(
    `bench ${name}`,
    process.execPath,
    [join(root, "dist", "bench", "main.js"), name, ...options],
    {
      CRYOTILE_CUBLAS_TFLOPS: cublas,
    },
  );
  if (text !== undefined) console.log(text);
}
if (target !== records)
  for (const file of readdirSync(records).filter((file) =>
    benchmarks.some((name) => file.startsWith(`${name}-`)),
  ))
    cpSync(join(records, file), join(target, file));
process.exit(failed ? 1 : 0);
