import { basename } from "node:path";
import { parseArgs } from "node:util";
import { benchCoarse } from "./coarse.js";
import { benchContract } from "./contract.js";
import { benchCpu } from "./cpu.js";
import { benchRuntimes } from "./devices.js";
import { benchFft } from "./fft.js";
import { benchMemory } from "./memory.js";
import { benchMrc } from "./mrc.js";
import { formatTable, record, root, save } from "./record.js";
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
    "relion-iterations": { type: "string" },
  },
});
const { set, iterations, label, from, "relion-iterations": relionIterations } = values;
const runtime = benchRuntimes.find((name) => name === values.runtime);
if (values.runtime !== undefined && runtime === undefined) {
  console.error(`bench: unknown runtime ${values.runtime}; known: ${benchRuntimes.join(", ")}`);
  process.exit(1);
}

const benchmarks = {
  star: benchStar,
  mrc: benchMrc,
  simulate: benchSimulate,
  memory: benchMemory,
  contract: () => benchContract(runtime),
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
  cpu: benchCpu,
  fft: benchFft,
  screen: async () => benchScreen(from),
};

const names =
  asked.length === 0
    ? Object.keys(benchmarks).filter((name) => name !== "fft" && (name !== "screen" || from !== undefined))
    : asked;
for (const name of names) {
  if (!(name in benchmarks)) {
    console.error(`bench: unknown benchmark ${name}; known: ${Object.keys(benchmarks).join(", ")}`);
    process.exit(1);
  }
}
for (const name of names) {
  const options =
    name === "refine" || runtime !== undefined
      ? words.filter((word) => word !== name).map((word) => (word === set ? basename(word) : word))
      : [];
  const result = await record(name, benchmarks[name as keyof typeof benchmarks], options);
  console.log(`${name} (${result.seconds.toFixed(1)} s)\n${formatTable(result)}\nrecord: ${save(result)}`);
}
updateBenchmarks(root);
