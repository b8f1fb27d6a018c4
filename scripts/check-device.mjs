// Checks and times the runtimes of a machine with a graphics card: `node scripts/check-device.mjs [FOLDER]` (in a bundle: `bin/node
// scripts/check-device.mjs`). Prints short tables; JSON records go to FOLDER (default: bench/records). Names of benchmarks may follow it.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const records = join(root, "bench", "records");
const target = resolve(process.argv[2] ?? records);
const names = process.argv.slice(3);
const benchmarks = names.length > 0 ? names : ["contract", "coarse"];
mkdirSync(target, { recursive: true });
const env = {
  ...process.env,
  LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, join(root, "lib")].filter(Boolean).join(":"),
};
let failed = false;

function run(title, command, args, extra = {}) {
  const begun = Date.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
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
console.log(run("inspect", process.execPath, cli("inspect")) ?? "");
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
const cublas = run("cuBLAS float32 product", "python3", ["-c", product])?.trim() ?? "";
if (cublas !== "") console.log(`  ${cublas} TFLOP/s`);
for (const name of benchmarks) {
  const text = run(`bench ${name}`, process.execPath, [join(root, "dist", "bench", "main.js"), name], {
    CRYOTILE_CUBLAS_TFLOPS: cublas,
  });
  if (text !== undefined) console.log(text);
}
if (target !== records)
  for (const file of readdirSync(records).filter((file) =>
    benchmarks.some((name) => file.startsWith(`${name}-`)),
  ))
    cpSync(join(records, file), join(target, file));
process.exit(failed ? 1 : 0);
