import type { Page } from "playwright-core";

const worker = (page: Page) => page.workers().find((each) => each.url().includes("job.worker"));

/** Code for the worker of a job: lets a test take the device away, as a driver that restarts does. */
export const reachDevice = {
  name: /job\.worker/,
  code: `
    const request = GPUAdapter.prototype.requestDevice;
    globalThis.devices = [];
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await request.apply(this, args);
      globalThis.devices.push(device);
      return device;
    };`,
};

/** The same with a clock that runs four times as fast, so that checkpoints come sooner. */
export const hastyDevice = {
  ...reachDevice,
  code: `${reachDevice.code}
    const now = performance.now.bind(performance);
    performance.now = () => 4 * now();`,
};

export async function loseDevice(page: Page): Promise<void> {
  await worker(page)?.evaluate(() =>
    (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)?.destroy(),
  );
}

/**
 * Code for the worker of a job: the device gets the limits that every WebGPU device has, whatever the adapter offers, and every dispatch is
 * timed on the device. `dispatchesOf` tells what was found.
 */
export const timedDevice = {
  name: /job\.worker/,
  code: `
    globalThis.dispatches = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function () {
      const device = await request.call(this, { requiredFeatures: ["timestamp-query"] });
      globalThis.limits = device.limits;
      timeDispatches(device);
      return device;
    };
    function timeDispatches(device) {
      const count = 2048;
      const createEncoder = device.createCommandEncoder.bind(device);
      const submit = device.queue.submit.bind(device.queue);
      let open;
      device.createCommandEncoder = () => {
        const encoder = createEncoder();
        const beginPass = encoder.beginComputePass.bind(encoder);
        const finish = encoder.finish.bind(encoder);
        const querySet = device.createQuerySet({ type: "timestamp", count });
        let used = 0;
        // A pass of its own for every dispatch: only the ends of passes are timed.
        encoder.beginComputePass = () => {
          let pipeline, group;
          return {
            setPipeline(given) { pipeline = given; },
            setBindGroup(...given) { group = given; },
            dispatchWorkgroups(...size) {
              if (used === count) throw new Error("too many dispatches in a submission");
              const pass = beginPass({
                timestampWrites: { querySet, beginningOfPassWriteIndex: used, endOfPassWriteIndex: used + 1 },
              });
              used += 2;
              pass.setPipeline(pipeline);
              pass.setBindGroup(...group);
              pass.dispatchWorkgroups(...size);
              pass.end();
            },
            end() {},
          };
        };
        encoder.finish = () => {
          const buffer = (usage) => device.createBuffer({ size: 8 * count, usage: usage | GPUBufferUsage.COPY_DST });
          const resolved = buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
          const read = buffer(GPUBufferUsage.MAP_READ);
          if (used > 0) {
            encoder.resolveQuerySet(querySet, 0, used, resolved, 0);
            encoder.copyBufferToBuffer(resolved, 0, read, 0, 8 * count);
          }
          open = { used, read, held: [querySet, resolved, read] };
          return finish();
        };
        return encoder;
      };
      device.queue.submit = async (commands) => {
        submit(commands);
        const { used, read, held } = open;
        if (used > 0) {
          await read.mapAsync(GPUMapMode.READ);
          const times = new BigUint64Array(read.getMappedRange());
          for (let at = 0; at < used; at += 2)
            globalThis.dispatches.push(Number(times[at + 1] - times[at]) / 1e6);
        }
        for (const each of held) each.destroy();
      };
    }`,
};

/** Dispatches of a job so far that were timed, the longest in milliseconds, and limits of its device; undefined where no job runs. */
export function dispatchesOf(
  page: Page,
): Promise<{ count: number; longest: number; limits: Record<string, number> } | undefined> {
  const asked = worker(page)?.evaluate(() => {
    const { dispatches, limits } = globalThis as unknown as {
      dispatches: number[];
      limits: GPUSupportedLimits;
    };
    const { maxBufferSize, maxStorageBufferBindingSize } = limits;
    const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = limits;
    return {
      count: dispatches.length,
      longest: dispatches.reduce((most, time) => Math.max(most, time), 0),
      limits: {
        maxBufferSize,
        maxStorageBufferBindingSize,
        maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup,
      },
    };
  });
  // The job may have ended, or not have its device yet.
  return asked?.catch(() => undefined) ?? Promise.resolve(undefined);
}
