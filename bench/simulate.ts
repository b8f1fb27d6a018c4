import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchRow, root } from "./record.js";

const cli = join(root, "dist/src/app/cli.js");

function secondsOf(args: string[]): number {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const begun = performance.now();
    execFileSync(process.execPath, [cli, "simulate", "--o", folder, ...args], { stdio: "ignore" });
    return (performance.now() - begun) / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function benchSimulate(): Promise<BenchRow[]> {
  const small = ["--builtin", "D2", "--n", "2000", "--box", "64"];
  const large = ["--builtin", "D2", "--box", "360", "--angpix", "1.34"];
  const few = secondsOf([...large, "--n", "20"]);
  const more = secondsOf([...large, "--n", "120"]);
  return [
    { name: "2,000 particles of 64 px", value: secondsOf(small), unit: "s", goal: 60, better: "lower" },
    {
      name: "2,000 particles of 64 px, one thread",
      value: secondsOf([...small, "--threads", "1"]),
      unit: "s",
    },
    {
      name: "particles of 360 px, after the map is prepared",
      value: 100 / (more - few),
      unit: "particles/s",
    },
  ];
}
