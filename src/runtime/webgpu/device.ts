import { Arena, type ArenaBlock, alignUp, type TraceEvent } from "../arena.js";
import type { BufferKind, Capabilities, DeviceBuffer } from "../contract.js";
import { DeviceLostError, DeviceMemoryError, UnsupportedError } from "../errors.js";
import type { KernelDevice, Launch } from "../gpu/device.js";
import { DispatchGovernor, groupsAcross } from "./governor.js";
import { type KernelSource, loadKernel, type ShaderLoader } from "./shader.js";

/** Bytes of an element: float32, and 64-bit fixed point in accumulators. */
export const webGpuBytes = { real: 4, complex: 8, index: 4, accumulator: 24 } as const;

interface Kernel extends KernelSource {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const slotBytes = 256;
const slots = 512;
const unusedBytes = 256;

/** The arena in pieces that the device allows. */
export function slabSizes(bytes: number, maxBufferSize: number): number[] {
  const most = Math.min(bytes, maxBufferSize);
  const sizes: number[] = [];
  for (let rest = bytes; rest > 0; rest -= most) sizes.push(Math.floor(Math.min(rest, most) / 256) * 256);
  return sizes;
}

/** One WebGPU device with its arena, kernels and queue of launches. */
export class GpuDevice implements KernelDevice {
  readonly elementBytes = webGpuBytes;
  readonly arena: Arena;
  private readonly slabs: GPUBuffer[] = [];
  private readonly kernels = new Map<string, Promise<Kernel>>();
  private readonly governor = new DispatchGovernor();
  private readonly uniforms: GPUBuffer;
  private readonly unused: GPUBuffer;
  private readonly staged = new ArrayBuffer(slotBytes * slots);
  private usedSlots = 0;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private failure: Error | undefined;
  private closed = false;

  private constructor(
    readonly device: GPUDevice,
    readonly capabilities: Capabilities,
    private readonly load: ShaderLoader,
    onEvent?: (event: TraceEvent) => void,
  ) {
    const sizes = capabilities.slabs;
    const alignment = 256;
    this.arena = new Arena({ slabs: sizes, alignment, ...(onEvent === undefined ? {} : { onEvent }) });
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    for (const [index, size] of sizes.entries())
      this.slabs.push(device.createBuffer({ label: `slab ${index}`, size, usage }));
    this.uniforms = device.createBuffer({
      size: slotBytes * slots,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.unused = device.createBuffer({ size: unusedBytes * 8, usage: GPUBufferUsage.STORAGE });
    device.lost.then(({ reason, message }) => {
      if (this.closed) return;
      this.failure = new DeviceLostError(
        `${capabilities.device}: the device was lost (${reason}: ${message || "no message"}); results since the last saved iteration are gone, start the run again from there`,
      );
    });
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.failure ??=
        error instanceof GPUOutOfMemoryError
          ? new DeviceMemoryError(`${capabilities.device}: out of memory (${error.message})`)
          : new Error(`${capabilities.device}: ${error.message}`);
    });
  }

  /** @throws DeviceMemoryError where the device has no room for the arena. */
  static async open(
    device: GPUDevice,
    capabilities: Capabilities,
    load: ShaderLoader,
    onEvent?: (event: TraceEvent) => void,
  ): Promise<GpuDevice> {
    device.pushErrorScope("out-of-memory");
    const opened = new GpuDevice(device, capabilities, load, onEvent);
    const error = await device.popErrorScope();
    if (error !== null) {
      await opened.close();
      throw new DeviceMemoryError(
        `${capabilities.device}: no room for an arena of ${capabilities.arenaBytes} bytes (${error.message}); give it less`,
      );
    }
    return opened;
  }

  /** Throws what went wrong on the device since the last look. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.closed) throw new Error("the runtime is closed");
  }

  alloc(kind: BufferKind, name: string, length: number): DeviceBuffer {
    const bytes = length * webGpuBytes[kind];
    if (bytes > this.capabilities.maxBufferBytes)
      throw new UnsupportedError(
        `${name} needs ${bytes} bytes and ${this.capabilities.device} binds at most ${this.capabilities.maxBufferBytes} at once; use a smaller batch, box or padding, or the cuda or cpu runtime`,
      );
    return { kind, name, length, block: this.arena.alloc(name, bytes) };
  }

  /** Runs a kernel in parts of whole workgroups that stay inside the time budget. */
  async run(name: string, launch: Launch): Promise<void> {
    this.check();
    const kernel = await this.kernel(name);
    const bindings = this.bind(kernel, launch.buffers);
    const { over } = launch;
    const groups = "groups" in over ? over.groups : Math.ceil(over.items / kernel.workgroupSize);
    for (let first = 0; first < groups; ) {
      const part = this.governor.next(name, groups - first, launch.cost);
      if (part.measured) await this.idle();
      const begun = performance.now();
      this.record(kernel, bindings, launch.params, first, first + part.groups);
      if (part.measured) {
        await this.idle();
        this.governor.learn(name, part.groups * launch.cost, performance.now() - begun);
      } else if (part.full) this.flush();
      first += part.groups;
    }
  }

  upload(buffer: DeviceBuffer, values: ArrayLike<number>, at: number): void {
    this.check();
    const Target = buffer.kind === "index" ? Uint32Array : Float32Array;
    const data = values instanceof Target ? values : Target.from(values);
    this.flush();
    this.device.queue.writeBuffer(
      this.slab(buffer.block),
      buffer.block.offset + 4 * at,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  async download(buffer: DeviceBuffer, at: number, length: number): Promise<Float32Array | Uint32Array> {
    this.check();
    const size = 4 * length;
    const staging = this.device.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      this.endPass();
      this.commands().copyBufferToBuffer(
        this.slab(buffer.block),
        buffer.block.offset + 4 * at,
        staging,
        0,
        size,
      );
      this.flush();
      await staging.mapAsync(GPUMapMode.READ).catch(async (error: Error) => {
        // The read-back of a lost device fails before its loss is told.
        if (error.name === "AbortError") await this.device.lost;
        throw this.failure ?? error;
      });
      this.check();
      const bytes = staging.getMappedRange().slice(0);
      return buffer.kind === "index" ? new Uint32Array(bytes) : new Float32Array(bytes);
    } finally {
      staging.destroy();
    }
  }

  clear(buffer: DeviceBuffer): void {
    this.check();
    this.endPass();
    this.commands().clearBuffer(this.slab(buffer.block), buffer.block.offset, alignUp(buffer.block.bytes, 4));
  }

  /** By a kernel: a slab cannot be copied to itself. */
  copy(source: DeviceBuffer, to: DeviceBuffer, bytes: number): Promise<void> {
    const count = bytes / 4;
    return this.run("copy", { over: { items: count }, cost: 1, params: { count }, buffers: { source, to } });
  }

  async finish(): Promise<void> {
    this.check();
    await this.idle();
    this.check();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.device.destroy();
    await this.device.lost;
  }

  private slab(block: ArenaBlock): GPUBuffer {
    return this.slabs[block.slab];
  }

  private kernel(name: string): Promise<Kernel> {
    let kernel = this.kernels.get(name);
    if (kernel === undefined) {
      kernel = this.build(name);
      this.kernels.set(name, kernel);
    }
    return kernel;
  }

  private async build(name: string): Promise<Kernel> {
    const source = await loadKernel(name, this.load);
    const visibility = GPUShaderStage.COMPUTE;
    const layout = this.device.createBindGroupLayout({
      label: name,
      entries: [
        { binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true } },
        ...source.buffers.map((_, index) => ({
          binding: index + 1,
          visibility,
          buffer: { type: "storage" as const },
        })),
      ],
    });
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ label: name, code: source.code });
    const error = await this.device.popErrorScope();
    if (error !== null) throw new Error(`kernel ${name}: ${error.message}`);
    const pipeline = await this.device.createComputePipelineAsync({
      label: name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { ...source, pipeline, layout };
  }

  private bind(kernel: Kernel, buffers: Launch["buffers"]): GPUBindGroup {
    for (const name of Object.keys(buffers))
      if (!kernel.buffers.includes(name)) throw new Error(`kernel ${kernel.name} has no buffer ${name}`);
    const entries = kernel.buffers.map((name, index) => {
      const buffer = buffers[name];
      const resource =
        buffer === undefined
          ? { buffer: this.unused, offset: unusedBytes * index, size: unusedBytes }
          : {
              buffer: this.slab(buffer.block),
              offset: buffer.block.offset,
              size: alignUp(buffer.block.bytes, 4),
            };
      return { binding: index + 1, resource };
    });
    return this.device.createBindGroup({
      layout: kernel.layout,
      entries: [{ binding: 0, resource: { buffer: this.uniforms, size: slotBytes } }, ...entries],
    });
  }

  private record(
    kernel: Kernel,
    bindings: GPUBindGroup,
    params: Launch["params"],
    first: number,
    end: number,
  ): void {
    if (this.usedSlots === slots) this.flush();
    const offset = slotBytes * this.usedSlots++;
    const view = new DataView(this.staged, offset, slotBytes);
    const values: Readonly<Record<string, number>> = { ...params, first_group: first, end_group: end };
    for (const [index, { name, type }] of kernel.params.entries()) {
      const value = values[name];
      if (value === undefined) throw new Error(`kernel ${kernel.name}: parameter ${name} is missing`);
      if (type === "f32") view.setFloat32(4 * index, value, true);
      else view.setUint32(4 * index, value, true);
    }
    this.pass ??= this.commands().beginComputePass();
    this.pass.setPipeline(kernel.pipeline);
    this.pass.setBindGroup(0, bindings, [offset]);
    const groups = end - first;
    this.pass.dispatchWorkgroups(Math.min(groups, groupsAcross), Math.ceil(groups / groupsAcross));
  }

  private commands(): GPUCommandEncoder {
    this.encoder ??= this.device.createCommandEncoder();
    return this.encoder;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }

  private flush(): void {
    this.endPass();
    if (this.encoder === undefined) return;
    if (this.usedSlots > 0)
      this.device.queue.writeBuffer(this.uniforms, 0, this.staged, 0, slotBytes * this.usedSlots);
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = undefined;
    this.usedSlots = 0;
  }

  private async idle(): Promise<void> {
    this.flush();
    await this.device.queue.onSubmittedWorkDone();
    this.check();
  }
}
