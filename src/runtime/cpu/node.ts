import { availableParallelism, cpus } from "node:os";
import { Worker } from "node:worker_threads";
import type { Runtime } from "../contract.js";
import { type CpuOptions, openCpu } from "./index.js";
import type { StartWorker } from "./pool.js";

/** A thread of the process. It does not keep the process alive. */
const startWorker: StartWorker = (source, setup) => {
  // The text may be taken for either kind of module.
  const script = `import("node:worker_threads").then(({ parentPort, workerData }) =>
    (${source})(workerData, () => parentPort.postMessage("ready")));`;
  const worker = new Worker(script, { eval: true, workerData: setup });
  const ready = new Promise<void>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a worker ended with code ${code}`)));
  });
  return {
    ready: ready.then(() => worker.unref()),
    async terminate() {
      await worker.terminate();
    },
  };
};

/** The cpu runtime in Node, by default with a thread for every core. */
export const openNodeCpu = (options: Omit<CpuOptions, "startWorker"> = {}): Promise<Runtime> =>
  openCpu({ threads: availableParallelism(), processor: cpus()[0]?.model.trim(), ...options, startWorker });
