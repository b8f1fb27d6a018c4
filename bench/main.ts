import { parseArgs } from "node:util";
import { benchCoarse } from "./coarse.js";
import { benchContract } from "./contract.js";
import { benchCpu } from "./cpu.js";
import { benchMemory } from "./memory.js";
import { benchMrc } from "./mrc.js";
import { formatTable, record, root, save } from "./record.js";
import { benchRefine } from "./refine.js";
import { updateBenchmarks } from "./report.js";
import { benchSimulate } from "./simulate.js";
import { benchStar } from "./star.js";

const { positionals: asked, values } = parseArgs({
  allowPositionals: true,
  options: {
    set: { type: "string" },
    iterations: { type: "string" },
    "relion-iterations": { type: "string" },
  },
});
const { set, iterations, "relion-iterations": relionIterations } = values;

const benchmarks = {
  star: benchStar,
  mrc: benchMrc,
  simulate: benchSimulate,
  memory: benchMemory,
  contract: benchContract,
  coarse: benchCoarse,
  refine: () =>
    benchRefine({
      ...(set === undefined ? {} : { set }),
      ...(iterations === undefined ? {} : { iterations: Number(iterations) }),
      ...(relionIterations === undefined ? {} : { relionIterations: Number(relionIterations) }),
    }),
  cpu: benchCpu,
};

const names = asked.length === 0 ? Object.keys(benchmarks) : asked;
for (const name of names) {
  if (!(name in benchmarks)) {
    console.error(`bench: unknown benchmark ${name}; known: ${Object.keys(benchmarks).join(", ")}`);
    process.exit(1);
  }
}
for (const name of names) {
  const options = name === "refine" ? process.argv.slice(2).filter((word) => word !== name) : [];
  const result = await record(name, benchmarks[name as keyof typeof benchmarks], options);
  console.log(`${name} (${result.seconds.toFixed(1)} s)\n${formatTable(result)}\nrecord: ${save(result)}`);
}
updateBenchmarks(root);
