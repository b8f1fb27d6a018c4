import { benchCoarse } from "./coarse.js";
import { benchContract } from "./contract.js";
import { benchCpu } from "./cpu.js";
import { benchMemory } from "./memory.js";
import { benchMrc } from "./mrc.js";
import { formatTable, record, root, save } from "./record.js";
import { updateBenchmarks } from "./report.js";
import { benchSimulate } from "./simulate.js";
import { benchStar } from "./star.js";

const benchmarks = {
  star: benchStar,
  mrc: benchMrc,
  simulate: benchSimulate,
  memory: benchMemory,
  contract: benchContract,
  coarse: benchCoarse,
  cpu: benchCpu,
};

const asked = process.argv.slice(2);
const names = asked.length === 0 ? Object.keys(benchmarks) : asked;
for (const name of names) {
  if (!(name in benchmarks)) {
    console.error(`bench: unknown benchmark ${name}; known: ${Object.keys(benchmarks).join(", ")}`);
    process.exit(1);
  }
}
for (const name of names) {
  const result = await record(name, benchmarks[name as keyof typeof benchmarks]);
  console.log(`${name} (${result.seconds.toFixed(1)} s)\n${formatTable(result)}\nrecord: ${save(result)}`);
}
updateBenchmarks(root);
