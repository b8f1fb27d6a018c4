import { cpus, freemem, totalmem } from "node:os";
import { Command } from "commander";
import type { Runtime } from "../../runtime/contract.js";
import { openNodeCpu } from "../../runtime/cpu/node.js";
import { describeTransforms, formatVersion, probeCuda } from "../../runtime/cuda/node.js";
import { describeAdapter } from "../../runtime/webgpu/index.js";
import { nodeGpu } from "../../runtime/webgpu/node.js";

interface RuntimeReport {
  readonly runtime: Runtime["name"];
  readonly available: boolean;
  readonly device?: string;
  /** Why it is not available. */
  readonly reason?: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: readonly string[];
  /** What will be slow or impossible on it, and what to do. */
  readonly notes: readonly string[];
}

const shownLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

function reportAdapter(adapter: GPUAdapter): RuntimeReport {
  const { device, software } = describeAdapter(adapter);
  const limits = Object.fromEntries(shownLimits.map((name) => [name, adapter.limits[name]]));
  const notes: string[] = [];
  if (software)
    notes.push("runs on the processor: slower than --runtime cpu there; used only with --software");
  const box = 2 * Math.floor(Math.cbrt(limits.maxStorageBufferBindingSize / 4) / 4);
  notes.push(`one buffer holds a padded map of a box of up to ${box} pixels (padding 2)`);
  if (!adapter.features.has("timestamp-query")) notes.push("no timestamps: phases are timed on the host");
  return {
    runtime: "webgpu",
    available: true,
    device,
    limits,
    features: [...adapter.features].sort(),
    notes,
  };
}

async function reportWebGpu(): Promise<RuntimeReport[]> {
  let gpu: GPU;
  try {
    gpu = await nodeGpu();
  } catch (error) {
    return [{ runtime: "webgpu", available: false, reason: (error as Error).message, notes: [] }];
  }
  const found = new Map<string, RuntimeReport>();
  for (const powerPreference of ["high-performance", "low-power"] as const) {
    const adapter = await gpu.requestAdapter({ powerPreference });
    if (adapter !== null) found.set(describeAdapter(adapter).device, reportAdapter(adapter));
  }
  if (found.size > 0) return [...found.values()];
  const reason =
    "no adapter: no Vulkan, Metal or Direct3D 12 driver was found; install the driver of the graphics card (on Linux also libvulkan1)";
  return [{ runtime: "webgpu", available: false, reason, notes: [] }];
}

async function reportCpu(): Promise<RuntimeReport> {
  try {
    const runtime = await openNodeCpu({ bytes: 2 ** 20 });
    await runtime.close();
    const notes = [
      "taken of itself where there is no graphics card; --j sets its threads, --memory at most 4 GB",
    ];
    return { runtime: "cpu", available: true, device: runtime.capabilities.device, notes };
  } catch (error) {
    return { runtime: "cpu", available: false, reason: (error as Error).message, notes: [] };
  }
}

async function reportCuda(): Promise<RuntimeReport[]> {
  try {
    const { version, devices } = await probeCuda();
    const transforms = describeTransforms();
    return devices.map(({ ordinal, name, uuid, bus, display, totalBytes, freeBytes, unusable, ...info }) => ({
      runtime: "cuda",
      available: unusable === undefined,
      device: name,
      ...(unusable === undefined ? {} : { reason: `${name} cannot be used: ${unusable}` }),
      limits: { totalBytes, freeBytes, multiprocessors: info.multiprocessors },
      notes: [
        `--gpu ${ordinal}, or ${uuid}; at ${bus}`,
        `compute capability ${(info.capability / 10).toFixed(1)}, driver for CUDA ${formatVersion(version)}`,
        `transforms: ${transforms}`,
        ...(display ? ["a display hangs on it: taken on request alone"] : []),
      ],
    }));
  } catch (error) {
    return [{ runtime: "cuda", available: false, reason: (error as Error).message, notes: [] }];
  }
}

function format(report: RuntimeReport): string {
  const lines = [`${report.runtime}: ${report.available ? report.device : "not available"}`];
  if (report.reason !== undefined) lines.push(`  ${report.reason}`);
  for (const [name, value] of Object.entries(report.limits ?? {}))
    lines.push(`  ${name}: ${value.toLocaleString("en-US")}`);
  if (report.features !== undefined) lines.push(`  features: ${report.features.join(" ")}`);
  for (const note of report.notes) lines.push(`  note: ${note}`);
  return lines.join("\n");
}

/** `cryotile inspect`: runtimes, adapters, limits, memory, what will be slow, and why a runtime is missing. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("list the runtimes of this machine, their limits, and why one is missing")
    .option("--json", "print JSON instead of text")
    .action(async ({ json }: { json?: boolean }) => {
      const machine = {
        processor: cpus()[0]?.model ?? "unknown",
        cores: cpus().length,
        memoryBytes: totalmem(),
        freeBytes: freemem(),
        node: process.version,
      };
      const runtimes: RuntimeReport[] = [
        {
          runtime: "reference",
          available: true,
          device: "float64 in JavaScript",
          notes: ["defines the results; made for checking small data, not for speed"],
        },
        await reportCpu(),
        ...(await reportCuda()),
        ...(await reportWebGpu()),
      ];
      if (json) {
        console.log(JSON.stringify({ machine, runtimes }, null, 2));
        return;
      }
      const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
      console.log(
        `machine: ${machine.processor}, ${machine.cores} cores, ${gib(machine.memoryBytes)} GiB (${gib(machine.freeBytes)} free), Node ${machine.node}`,
      );
      for (const report of runtimes) console.log(format(report));
    });
}
