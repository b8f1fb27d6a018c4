import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchRow, root } from "./record.js";

const cli = join(root, "dist/src/app/cli.js");

/** Tells the parent process its peak memory, in kilobytes, when it ends. */
const reportPeak =
  "data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))";

function simulate(args: string[]): { seconds: number; peakBytes: number } {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-bench-"));
  try {
    const begun = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--import", reportPeak, cli, "simulate", "--o", folder, ...args],
      {
        encoding: "utf8",
      },
    );
    const seconds = (performance.now() - begun) / 1000;
    if (status !== 0) throw new Error(`simulate failed: ${stderr}`);
    return { seconds, peakBytes: Number(/peak (\d+)/.exec(stderr)?.[1]) * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function benchSimulate(): Promise<BenchRow[]> {
  const molecule = ["--builtin", "D2", "--box", "64"];
  const large = ["--builtin", "D2", "--box", "360", "--angpix", "1.34"];
  const set = simulate([...molecule, "--n", "2000"]);
  const tenfold = simulate([...molecule, "--n", "20000"]);
  const alone = simulate([...molecule, "--n", "2000", "--threads", "1"]);
  const [few, more] = [simulate([...large, "--n", "20"]), simulate([...large, "--n", "120"])];
  return [
    { name: "2,000 particles of 64 px", value: set.seconds, unit: "s", goal: 60, better: "lower" },
    { name: "2,000 particles of 64 px, one thread", value: alone.seconds, unit: "s" },
    { name: "peak memory, 2,000 particles of 64 px", value: set.peakBytes / 1e9, unit: "GB" },
    { name: "peak memory, 20,000 particles of 64 px", value: tenfold.peakBytes / 1e9, unit: "GB" },
    {
      name: "particles of 360 px, after the map is prepared",
      value: 100 / (more.seconds - few.seconds),
      unit: "particles/s",
    },
    { name: "peak memory, 120 particles of 360 px", value: more.peakBytes / 1e9, unit: "GB" },
  ];
}
