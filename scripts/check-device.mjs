// Checks and times the runtimes of a machine with a graphics card: `node scripts/check-device.mjs [FOLDER] [BENCHMARK ...] [--runtime cuda]
// [--set DIR] [--real DIR --model FILE] [--sanitize] [--quick]` (in a bundle: `bin/node scripts/check-device.mjs`). With `--runtime cuda` the
// kernels are looked at, the contract suite runs in both precisions, whole iterations are compared with the reference and with WebGPU, RELION's
// golden runs are repeated, a refinement is run twice for equal bytes and once profiled. `--set` is a simulated set to refine; `--real` the
// folder of beta-galactosidase particles and `--model` PDB 5a1a; `--sanitize` runs the suite in compute-sanitizer; `--quick` takes the
// smallest sizes. The last table has one line a check: ok, FAILED, or skipped and why. Records go to FOLDER (default: bench/records).
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { record, save } from "../dist/bench/record.js";

const root = resolve(import.meta.dirname, "..");
const records = join(root, "bench", "records");
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: "string" },
    set: { type: "string" },
    real: { type: "string" },
    model: { type: "string" },
    sanitize: { type: "boolean" },
    quick: { type: "boolean" },
  },
});
const target = resolve(positionals[0] ?? records);
const names = positionals.slice(1);
const cuda = values.runtime === "cuda";
const benchmarks =
  names.length > 0 ? names : values.quick ? [] : ["contract", "coarse", ...(cuda ? ["fft", "refine"] : [])];
mkdirSync(target, { recursive: true });
const env = {
  ...process.env,
  LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, join(root, "lib")].filter(Boolean).join(":"),
};
const checks = [];

function note(name, result, seconds, why = "") {
  checks.push({ name, result, seconds, note: why });
  console.log(`${result}: ${name}${why === "" ? "" : `: ${why}`} (${seconds.toFixed(1)} s)`);
}
const skip = (name, why) => note(name, "skipped", 0, why);

/** Run a program as a check; what it printed, where it succeeded. `skipped` is the exit code that says there was nothing to check. */
function run(name, command, args, { cwd = root, skipped, told = () => "", ...extra } = {}) {
  const begun = Date.now();
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...env, ...extra },
    maxBuffer: 2 ** 26,
  });
  const seconds = (Date.now() - begun) / 1000;
  if (status === 0) {
    note(name, "ok", seconds, told(stdout));
    return stdout;
  }
  if (status !== null && status === skipped) {
    note(
      name,
      "skipped",
      seconds,
      stdout
        .trim()
        .split("\n")
        .at(-1)
        ?.replace(/^skipped: /, ""),
    );
    return undefined;
  }
  console.log(`${stdout ?? ""}\n${stderr ?? ""}`.slice(-6000));
  const lines = `${stdout ?? ""}\n${stderr ?? ""}`.trim().split("\n");
  const why = lines.find((line) => /Error:|^cryotile:|^bench:|^wrong:|^beyond:/.test(line)) ?? lines.at(-1);
  note(name, "FAILED", seconds, error?.message ?? signal ?? why.trim().slice(0, 200));
  return undefined;
}

const cli = (...args) => [join(root, "dist", "src", "app", "cli.js"), ...args];
const bench = (...args) => [join(root, "dist", "bench", "main.js"), ...args];
const print = (text, count) => {
  if (text !== undefined) console.log(text.trim().split("\n").slice(-count).join("\n"));
};
const lastLine = (stdout) => stdout.trim().split("\n").at(-1) ?? "";
const onPath = (program) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

const simulate = (folder, count) =>
  run(
    "simulate",
    process.execPath,
    cli(
      ..."simulate --builtin C1 --box 64 --angpix 3.54 --snr 0.1 --diameter 180 --seed 1 --lowpass 30".split(
        " ",
      ),
      ...["--n", String(count), "--o", folder],
    ),
  );
const refineOptions = (order) =>
  `--ctf --particle_diameter 180 --flatten_solvent --zero_mask --offset_range 5 --offset_step 2 --norm --scale --tau2_fudge 4 --healpix_order ${order} --random_seed 1`.split(
    " ",
  );

/** Whether cuFFT works here. */
const hasCufft = () =>
  /transforms: cuFFT \d/.test(
    spawnSync(process.execPath, cli("inspect"), { encoding: "utf8", env: { ...env, CRYOTILE_CUFFT: "find" } })
      .stdout,
  );

const verify = cli("verify", "--runtime", "cuda", "--software");

/** Kernels, the contract suite, whole iterations against the reference and against WebGPU. */
function checkCuda(webgpu) {
  run("kernels as built", process.execPath, [join(root, "scripts", "check-kernels.mjs")], { skipped: 3 });
  const particles = ["--particles", values.quick ? "6" : "24"];
  for (const precision of ["single", "double"]) {
    const options = ["--precision", precision];
    print(
      run(`contract suite, ${precision}`, process.execPath, [...verify, ...options], { told: lastLine }),
      120,
    );
    if (hasCufft())
      print(
        run(`contract suite, ${precision}, cuFFT`, process.execPath, [...verify, ...options], {
          told: lastLine,
          CRYOTILE_CUFFT: "find",
        }),
        120,
      );
    else skip(`contract suite, ${precision}, cuFFT`, "no cuFFT found");
    const name = `whole iterations against the reference, ${precision}`;
    print(
      run(name, process.execPath, [...verify, ...options, "--job", ...particles], { told: lastLine }),
      20,
    );
  }
  print(
    run("small case of the Teach room", process.execPath, [
      ...verify,
      ...["--small-case", join(target, "small-case-cuda.json")],
    ]),
    8,
  );
  const name = "whole iterations against webgpu";
  if (!webgpu.available) skip(name, webgpu.reason ?? "no WebGPU here");
  else
    print(
      run(name, process.execPath, [...verify, "--job", "--against", "webgpu", ...particles], {
        told: lastLine,
      }),
      20,
    );
}

/** The suite, and an iteration for what the suite does not launch (padded cubes, images that stay), in compute-sanitizer. */
function sanitizeCuda(work) {
  const few = join(work, "few");
  const output = join(work, "sanitized");
  const iteration = [
    ...cli(
      "refine",
      "--i",
      "particles.star",
      "--ref",
      "ref_lp30.mrc",
      "--ini_high",
      "30",
      ...refineOptions(0),
    ),
    ..."--iter 1 --runtime cuda --software --o".split(" "),
    join(output, "run"),
  ];
  for (const tool of ["memcheck", "racecheck"])
    for (const [what, args, cwd] of [
      ["the suite", verify, root],
      ["an iteration", iteration, few],
    ]) {
      const title = `compute-sanitizer ${tool}, ${what}`;
      if (!values.sanitize) skip(title, "not asked for (--sanitize)");
      else if (!onPath("compute-sanitizer")) skip(title, "compute-sanitizer is not on the path");
      else {
        if (cwd === few && !existsSync(few)) simulate(few, 20);
        mkdirSync(output, { recursive: true });
        const options = ["--tool", tool, "--error-exitcode", "9", "--target-processes", "all"];
        print(run(title, "compute-sanitizer", [...options, process.execPath, ...args], { cwd }), 3);
      }
    }
}

/** Two runs must write the same bytes; a third tells where the time goes. */
function repeatCuda(work, set) {
  const iterations = ["--iter", values.quick ? "1" : "3", "--verb", "1"];
  const start = ["--i", "particles.star", "--ref", "ref_lp30.mrc", "--firstiter_cc", "--ini_high", "30"];
  const refine = (folder, ...extra) => {
    mkdirSync(join(work, folder));
    const runtime = ["--runtime", "cuda", "--software", "--o", join(work, folder, "run")];
    const args = cli(
      "refine",
      ...start,
      ...refineOptions(values.quick ? 0 : 2),
      ...iterations,
      ...runtime,
      ...extra,
    );
    return run(`refine, ${folder} run`, process.execPath, args, { cwd: set });
  };
  const hash = (folder) => {
    const sum = createHash("sha256");
    const files = readdirSync(join(work, folder)).filter((name) => /_(data\.star|class001\.mrc)$/.test(name));
    for (const file of files.sort()) sum.update(file).update(readFileSync(join(work, folder, file)));
    return files.length === 0 ? undefined : sum.digest("hex");
  };
  const profile = join(target, "profile.json");
  print(refine("first"), 40);
  const both = [hash("first"), refine("second") === undefined ? undefined : hash("second")];
  note("two runs write the same bytes", both[0] !== undefined && both[0] === both[1] ? "ok" : "FAILED", 0);
  refine("profiled", "--profile", profile);
  if (!existsSync(profile)) return;
  const { wallSeconds, busySeconds, work: kinds } = JSON.parse(readFileSync(profile, "utf8"));
  console.log(`profile: ${busySeconds.toFixed(3)} s of ${wallSeconds.toFixed(3)} s busy`);
  for (const { name, count, seconds } of kinds.slice(0, 24))
    console.log(
      `  ${name.padEnd(24)} ${String(count).padStart(7)} x ${((1e6 * seconds) / count).toFixed(1).padStart(10)} us = ${(1e3 * seconds).toFixed(1).padStart(9)} ms`,
    );
}

/** RELION's golden runs, and real particles on every runtime. */
function compareCuda() {
  print(run("golden runs of RELION", process.execPath, bench("parity", "--runtime", "cuda")), 120);
  const name = "real particles";
  if (values.real === undefined || values.model === undefined) {
    skip(name, "no particles given (--real, --model)");
    return;
  }
  const set = ["--set", resolve(values.real), "--model", resolve(values.model)];
  const quick = values.quick ? ["--iterations", "1", "--particles", "40", "--against", "cpu"] : [];
  const told = (stdout) => {
    const others = [...stdout.matchAll(/cuda and (\w+): 1 - mean/g)].map(([, other]) => other);
    return `the maps and poses of ${others.join(" and ")}`;
  };
  print(run(name, process.execPath, bench("real", "--runtime", "cuda", ...set, ...quick), { told }), 120);
}

/** The card's own library at the shape of the coarse pass, where PyTorch is installed. */
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

function measure() {
  let cublas = "";
  if (benchmarks.includes("coarse")) {
    const torch = spawnSync("python3", ["-c", "import torch, sys; sys.exit(not torch.cuda.is_available())"]);
    if (torch.status !== 0) skip("cuBLAS float32 product", "no PyTorch with a card");
    else cublas = run("cuBLAS float32 product", "python3", ["-c", product])?.trim() ?? "";
  }
  if (cublas !== "") console.log(`  ${cublas} TFLOP/s`);
  for (const name of benchmarks) {
    const options = [
      ...(values.runtime === undefined ? [] : ["--runtime", values.runtime]),
      ...(values.set === undefined || name !== "refine" ? [] : ["--set", values.set]),
    ];
    print(
      run(`benchmark ${name}`, process.execPath, bench(name, ...options), {
        CRYOTILE_CUBLAS_TFLOPS: cublas,
      }),
      200,
    );
  }
}

const begun = Date.now();
print(run("inspect", process.execPath, cli("inspect")), 60);
const { runtimes = [] } = JSON.parse(
  spawnSync(process.execPath, cli("inspect", "--json"), { encoding: "utf8", env }).stdout || "{}",
);
const found = (name) =>
  runtimes.find(({ runtime, available }) => runtime === name && available) ??
  runtimes.find(({ runtime }) => runtime === name) ?? { available: false };
if (cuda) {
  const work = mkdtempSync(join(tmpdir(), "cryotile-check-"));
  const set = values.set === undefined ? join(work, "set") : resolve(values.set);
  if (values.set === undefined) simulate(set, values.quick ? 20 : 1000);
  checkCuda(found("webgpu"));
  sanitizeCuda(work);
  repeatCuda(work, set);
  compareCuda();
  rmSync(work, { recursive: true, force: true });
}
measure();

const { device = "no device" } = found(values.runtime ?? "webgpu");
const written = await record("check", async () => ({
  rows: [],
  checks,
  gpu: device,
  label: /emulated/.test(device) ? "emulated" : (values.runtime ?? "gpu"),
}));
const given = process.argv.slice(2).map((word) => word.split("/").at(-1));
save({
  ...written,
  command: ["node scripts/check-device.mjs", ...given].join(" "),
  seconds: (Date.now() - begun) / 1000,
});
if (target !== records)
  for (const file of readdirSync(records).filter((file) =>
    ["check", "parity", "real", ...benchmarks].some((name) => file.startsWith(`${name}-`)),
  ))
    cpSync(join(records, file), join(target, file));
console.log(`\n${device}`);
for (const { name, result, seconds, note: why } of checks)
  console.log(
    `${result.padEnd(8)} ${name}${why === "" ? "" : `: ${why}`}${seconds > 0 ? ` (${seconds.toFixed(1)} s)` : ""}`,
  );
const failed = checks.filter(({ result }) => result === "FAILED").length;
console.log(
  `${checks.length} checks, ${failed} failed, ${checks.filter(({ result }) => result === "skipped").length} skipped`,
);
process.exit(failed > 0 ? 1 : 0);
