import { refine } from "../src/app/refine/job.js";
import { nodeGpu } from "../src/runtime/webgpu/node.js";

/** `cryotile refine` with the options of Dawn that the browser of the tests has. */
await nodeGpu(["enable-dawn-features=disable_robustness,disable_workgroup_init"]);
await refine(process.argv.slice(2));
process.exit(0);
