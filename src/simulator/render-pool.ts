import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { ParticleRenderer } from "./particles.js";
import { type Chunk, chunkSize, type RenderJob, renderChunk, renderHere } from "./render.js";

/**
 * All images of a plan in order, a chunk at a time, made by `threads` threads (1: this one). At most two chunks a thread are in memory, and
 * the bytes do not depend on the number of threads.
 */
export async function* renderParticles(
  job: RenderJob,
  threads: number,
): AsyncGenerator<Float32Array, void, void> {
  const { plan } = job;
  const size = chunkSize(plan.box);
  if (threads <= 1) {
    yield* renderHere(job);
    return;
  }
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: job }),
  );
  const ask = (worker: Worker, first: number) =>
    new Promise<Float32Array>((resolve, reject) => {
      const settle = (done: () => void) => {
        worker.off("message", onMessage);
        worker.off("error", onError);
        done();
      };
      const onMessage = (pixels: Float32Array) => settle(() => resolve(pixels));
      const onError = (error: unknown) => settle(() => reject(error));
      worker.on("message", onMessage);
      worker.on("error", onError);
      worker.postMessage({ first, count: Math.min(size, plan.count - first) });
    });
  const queue: Promise<Float32Array>[] = [];
  const free = [...workers.map((worker) => Promise.resolve(worker))];
  let next = 0;
  const schedule = () => {
    if (next >= plan.count) return;
    const first = next;
    next += size;
    const turn = free.shift() as Promise<Worker>;
    const result = turn.then((worker) => ask(worker, first));
    free.push(
      result.then(
        () => turn,
        () => turn,
      ),
    );
    result.catch(() => {});
    queue.push(result);
  };
  try {
    for (let i = 0; i < 2 * threads; i++) schedule();
    for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
      yield await chunk;
      schedule();
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

if (!isMainThread && parentPort !== null && (workerData as RenderJob | null)?.plan !== undefined) {
  const port = parentPort;
  const { plan, sources, amplitude } = workerData as RenderJob;
  const renderer = new ParticleRenderer(plan, sources, amplitude);
  port.on("message", (chunk: Chunk) => {
    const pixels = renderChunk(renderer, plan.box, chunk);
    port.postMessage(pixels, [pixels.buffer]);
  });
}
