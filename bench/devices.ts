import { openRuntime } from "../src/app/refine/device.js";
import type { Runtime } from "../src/runtime/contract.js";

export const benchRuntimes = ["cpu", "webgpu", "cuda"] as const;
export type BenchRuntime = (typeof benchRuntimes)[number];

/** A runtime for a benchmark; a processor that plays a graphics card counts as one. */
export async function openBenchRuntime(kind: BenchRuntime, bytes: number): Promise<Runtime> {
  const { runtime } = await openRuntime({ runtime: kind, software: true, memory: bytes });
  return runtime;
}

/** What tells the records of devices apart: cpu, cuda, gpu (WebGPU on a card), software. */
export function deviceLabel({ name, capabilities }: Pick<Runtime, "name" | "capabilities">): string {
  if (capabilities.software) return name === "cuda" ? "emulated" : "software";
  return name === "webgpu" ? "gpu" : name;
}
