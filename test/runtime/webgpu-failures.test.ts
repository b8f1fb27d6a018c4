import { afterEach, expect, it } from "vitest";
import { ArenaFullError } from "../../src/runtime/arena.js";
import { DeviceLostError, UnsupportedError } from "../../src/runtime/errors.js";
import { openWebGpu } from "../../src/runtime/webgpu/index.js";
import { loadShaderFile, requestNodeAdapter } from "../../src/runtime/webgpu/node.js";
import { backprojectionStatus } from "../support/backprojection.js";
import { describeWebGpu, openTestGpu } from "../support/webgpu.js";

/** A runtime and the device under it. */
async function openWithDevice() {
  const adapter = await requestNodeAdapter(true);
  let device: GPUDevice | undefined;
  const request = adapter.requestDevice.bind(adapter);
  adapter.requestDevice = async (descriptor) => {
    device = await request(descriptor);
    return device;
  };
  const runtime = await openWebGpu(adapter, { loadShader: loadShaderFile, bytes: 2 ** 24 });
  return { runtime, device: device as unknown as GPUDevice };
}

describeWebGpu("webgpu failures", () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const runtime of open.splice(0)) await runtime.close();
  });

  it("a lost device is a typed error for the work under way and for all that follows, never data", async () => {
    const { runtime, device } = await openWithDevice();
    open.push(runtime);
    const buffer = runtime.alloc("real", "values", 1024);
    runtime.upload(buffer, new Float32Array(1024).fill(3));
    const pending = runtime.download(buffer);
    device.destroy();
    await expect(pending).rejects.toThrow(DeviceLostError);
    await expect(runtime.finish()).rejects.toThrow(/device was lost .* start the run again/);
    await expect(runtime.clear(buffer)).rejects.toThrow(DeviceLostError);
    expect(() => runtime.upload(buffer, [1])).toThrow(DeviceLostError);
    await expect(runtime.download(buffer)).rejects.toThrow(DeviceLostError);
  });

  it("a buffer beyond the binding limit is refused with a remedy", async () => {
    const runtime = await openTestGpu({ limits: "default" });
    open.push(runtime);
    expect(runtime.capabilities.maxBufferBytes).toBe(2 ** 27);
    expect(() => runtime.alloc("real", "diff2", 2 ** 25 + 1)).toThrow(UnsupportedError);
    expect(() => runtime.alloc("real", "diff2", 2 ** 25 + 1)).toThrow(
      /diff2 needs 134217732 bytes .* smaller batch/,
    );
  });

  it("an arena larger than one buffer is several slabs, and a full one says who holds what", async () => {
    const runtime = await openTestGpu({ limits: "default", bytes: 2 ** 29 });
    open.push(runtime);
    const blocks = Array.from({ length: 4 }, (_, n) => runtime.alloc("real", `part ${n}`, 2 ** 25));
    expect(blocks.map(({ block }) => block.slab)).toEqual([0, 0, 1, 1]);
    expect(() => runtime.alloc("real", "one more", 1)).toThrow(ArenaFullError);
    expect(() => runtime.alloc("real", "one more", 1)).toThrow(/one more .* part 0/);
    runtime.upload(blocks[3], [1, 2, 3]);
    expect(Array.from(await runtime.download(blocks[3], 0, 3))).toEqual([1, 2, 3]);
  });

  it("a kernel that does not compile is named, and later work goes on", async () => {
    const runtime = await openWebGpu(await requestNodeAdapter(true), {
      loadShader: async (path) =>
        (await loadShaderFile(path)).replace("fn main", path === "copy.wgsl" ? "fn main oops" : "fn main"),
      bytes: 2 ** 24,
    });
    open.push(runtime);
    const [a, b] = ["a", "b"].map((name) => runtime.alloc("real", name, 8));
    await expect(runtime.copy(a, b)).rejects.toThrow(/kernel copy/);
    runtime.upload(a, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await runtime.download(a))[7]).toBe(8);
  });

  it("sums that do not fit the fixed point raise the status instead of wrapping round", async () => {
    const runtime = await openTestGpu();
    open.push(runtime);
    expect(await backprojectionStatus(runtime, 1e30, 2 ** -40)).toBe(1);
    expect(await backprojectionStatus(runtime, Number.NaN, 2 ** -40)).toBe(1);
    expect(await backprojectionStatus(runtime, 1, 2 ** -40)).toBe(0);
  });
});
