import type { Runtime } from "../contract.js";
import { type CpuOptions, openCpu } from "./index.js";
import type { StartWorker } from "./pool.js";

const startWorker: StartWorker = (source, setup) => {
  const script = `onmessage = ({ data }) => (${source})(data, () => postMessage("ready"));`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(url);
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => reject(new Error(`a worker did not start: ${event.message}`));
  });
  worker.postMessage(setup);
  return {
    ready: ready.finally(() => URL.revokeObjectURL(url)),
    async terminate() {
      worker.terminate();
    },
  };
};

/**
 * The cpu runtime in a page or one of its workers: a thread for every core where the page is cross-origin isolated, one elsewhere. Kernels
 * run on the calling thread too, so open it in a worker to keep the page alive.
 */
export const openBrowserCpu = (options: Omit<CpuOptions, "startWorker"> = {}): Promise<Runtime> =>
  openCpu({
    threads: navigator.hardwareConcurrency,
    ...options,
    ...(globalThis.crossOriginIsolated ? { startWorker } : { threads: 1 }),
  });
