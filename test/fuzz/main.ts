import { parseArgs } from "node:util";
import { fuzzMrc } from "./mrc.js";
import { fuzzStar } from "./star.js";
import { fuzzWeights } from "./weights.js";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "300" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error("usage: npm run fuzz -- [--seconds N] [--seed N]");
  process.exit(1);
}
console.log(`fuzz: ${seconds} s for each reader, seed ${seed}`);
for (const [name, fuzz] of [
  ["STAR", fuzzStar],
  ["MRC", fuzzMrc],
  ["weights", fuzzWeights],
] as const) {
  const { executions } = await fuzz({ seconds, seed });
  console.log(`fuzz: ${name}: ${executions} inputs, no fault`);
}
