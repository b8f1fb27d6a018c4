import { basename } from "node:path";
import { parseArgs } from "node:util";
import { benchCoarse } from "./coarse.js";
import { benchContract } from "./contract.js";
import { type BenchRuntime, benchRuntimes } from "./devices.js";
import { benchFft } from "./fft.js";
import { benchMemory } from "./memory.js";
import { benchMrc } from "./mrc.js";
import { benchParity } from "./parity.js";
import { benchReal } from "./real.js";
import { formatTable, meetsGoal, record, root, save } from "./record.js";
import { benchRefine } from "./refine.js";
import { updateBenchmarks } from "./report.js";
import { benchScreen } from "./screen.js";
import { benchSimulate } from "./simulate.js";
import { benchStar } from "./star.js";

/** What stands after `--` goes to the programs that a benchmark compares. */
const words = process.argv.slice(2);
const end = words.includes("--") ? words.indexOf("--") : words.length;
const { positionals: asked, values } = parseArgs({
  args: words.slice(0, end),
  allowPositionals: true,
  options: {
    set: { type: "string" },
    runtime: { type: "string" },
    iterations: { type: "string" },
    label: { type: "string" },
    from: { type: "string" },
    model: { type: "string" },
    particles: { type: "string" },
    against: { type: "string", multiple: true },
    "relion-iterations": { type: "string" },
    hardware: { type: "boolean", default: false },
  },
});
const { set, iterations, label, from, "relion-iterations": relionIterations } = values;

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(1);
}

const runtimeNamed = (asked: string): BenchRuntime =>
  benchRuntimes.find((name) => name === asked) ??
  fail(`unknown runtime ${asked}; known: ${benchRuntimes.join(", ")}`);
const runtime = values.runtime === undefined ? undefined : runtimeNamed(values.runtime);

const benchmarks = {
  star: benchStar,
  mrc: benchMrc,
  simulate: benchSimulate,
  memory: benchMemory,
  contract: () => benchContract(runtime),
  parity: () => benchParity(runtime),
  real: () => {
    if (set === undefined || values.model === undefined)
      fail("real needs --set (the folder of the particles) and --model (the file of PDB 5a1a)");
    return benchReal({
      set,
      model: values.model,
      ...(runtime === undefined ? {} : { runtime }),
      ...(values.against === undefined ? {} : { against: values.against.map(runtimeNamed) }),
      ...(iterations === undefined ? {} : { iterations: Number(iterations) }),
      ...(values.particles === undefined ? {} : { particles: Number(values.particles) }),
    });
  },
  coarse: () => benchCoarse(runtime),
  refine: () =>
    benchRefine({
      ...(set === undefined ? {} : { set }),
      ...(runtime === undefined ? {} : { runtime }),
      options: words.slice(end + 1),
      ...(label === undefined ? {} : { label }),
      ...(iterations === undefined ? {} : { iterations: Number(iterations) }),
      ...(relionIterations === undefined ? {} : { relionIterations: Number(relionIterations) }),
    }),
  // These drive a browser, by packages that the offline bundle leaves out.
  cpu: async () => (await import("./cpu.js")).benchCpu(),
  page: async () => (await import("./page.js")).benchPage(values.hardware ? "gpu" : "software"),
  fft: benchFft,
  screen: async () => benchScreen(from),
};

const names =
  asked.length === 0
    ? Object.keys(benchmarks).filter(
        (name) =>
          name !== "fft" &&
          (name !== "screen" || from !== undefined) &&
          (name !== "real" || set !== undefined),
      )
    : asked;
for (const name of names)
  if (!(name in benchmarks)) fail(`unknown benchmark ${name}; known: ${Object.keys(benchmarks).join(", ")}`);
/** Of these a missed goal is a fault, not a figure. */
const verdicts = new Set(["contract", "parity", "real"]);
for (const name of names) {
  const options =
    name === "refine" || runtime !== undefined || values.hardware
      ? words
          .filter((word) => word !== name)
          .map((word) => (word === set || word === values.model ? basename(word) : word))
      : [];
  const result = await record(name, benchmarks[name as keyof typeof benchmarks], options);
  console.log(`${name} (${result.seconds.toFixed(1)} s)\n${formatTable(result)}\nrecord: ${save(result)}`);
  if (verdicts.has(name) && result.rows.some((row) => meetsGoal(row) === false)) process.exitCode = 1;
}
updateBenchmarks(root);
