import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cudaAddon, cudaDeclarations, describeCuda, emulatedDriver } from "../support/cuda.js";

const scenario = resolve(import.meta.dirname, "../support/cuda-scenario.mjs");
const folder = mkdtempSync(join(tmpdir(), "cryotile-cuda-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly fault: string;
  readonly stage: "look" | "open" | "work" | "close" | "done";
  readonly name?: string;
  readonly message?: string;
  readonly call?: string;
}
interface Report {
  readonly held: Readonly<Record<string, number>>;
  readonly calls: Readonly<Record<string, number>>;
}

/** What became of the scenario under each fault, and what the driver says at the end of the process. */
function attempted(faults: readonly string[]): { outcomes: Outcome[]; report: Report } {
  const path = join(folder, "report.json");
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [scenario, cudaAddon, emulatedDriver, cudaDeclarations, ...faults],
    {
      encoding: "utf8",
      env: { ...process.env, CRYOTILE_EMULATOR_REPORT: path },
      // Far more than it takes: whatever hangs is killed.
      timeout: 50_000,
      killSignal: "SIGKILL",
    },
  );
  expect([status, signal, stderr]).toEqual([0, null, ""]);
  const { calls, ...held } = JSON.parse(readFileSync(path, "utf8"));
  const outcomes = stdout
    .trim()
    .split("\n")
    .map((line): Outcome => JSON.parse(line));
  expect(outcomes.map(({ fault }) => fault)).toEqual(faults);
  return { outcomes, report: { held, calls } };
}

const nothing = { contexts: 0, memory: 0, host: 0, modules: 0, streams: 0, events: 0 };

/** NVIDIA's numbers, and what the runtime makes of them once it uses the device. */
const codes = [
  { code: 2, error: "DeviceMemoryError", says: /no room for|no more memory to pin/, lasts: false },
  { code: 209, error: "UnsupportedError", says: /does not take the kernels .* newer driver/, lasts: false },
  { code: 46, error: "UnsupportedError", says: /another program has it for itself/, lasts: false },
  { code: 1, error: "Error", says: /failed: CUDA_ERROR_INVALID_VALUE/, lasts: false },
  { code: 719, error: "DeviceLostError", says: /device was lost .* start the run again/, lasts: true },
];
/** Functions that give something back: that they fail changes no result. */
const releases =
  /^cu(DevicePrimaryCtxRelease_v2|MemFree_v2|MemFreeHost|ModuleUnload|StreamDestroy_v2|StreamSynchronize|EventDestroy_v2)$/;

/** The scenario must end without an error: the call is the last use of the device, or gives back what the look at the device took. */
function harmless(call: string, count: number, total: number, lasts: boolean): boolean {
  if (call === "cuCtxSetCurrent") return count >= total - 1 || (count === 2 && !lasts);
  return releases.test(call) && !(call === "cuDevicePrimaryCtxRelease_v2" && count === 1 && lasts);
}

/** Calls in which the runtime looks for devices, before there is one. */
const looking = (call: string, count: number) =>
  /^cu(Init|DriverGetVersion|DeviceGetCount|DeviceGetName|DeviceGetUuid|DeviceGetPCIBusId|DeviceTotalMem_v2|DeviceGetAttribute|MemGetInfo_v2)$/.test(
    call,
  ) ||
  (call === "cuDeviceGet" && count <= 2) ||
  (call === "cuDevicePrimaryCtxRetain" && count === 1) ||
  (call === "cuCtxSetCurrent" && count === 1);

/** Names errors; and makes the tensor maps of cards that the emulator does not play (compute capability 9.0). */
const unused = new Set(["cuGetErrorName", "cuTensorMapEncodeTiled"]);
const declared = [
  ...readFileSync(resolve(import.meta.dirname, "../../native/cuda/addon/driver_api.h"), "utf8").matchAll(
    /^ {2}FUNCTION\((\w+),/gm,
  ),
]
  .map(([, name]) => name)
  .filter((name) => !unused.has(name));

describeCuda("a call of the CUDA driver that fails", () => {
  let calls: Report["calls"];
  beforeAll(() => {
    const { outcomes, report } = attempted(["none", "none"]);
    expect(outcomes.map(({ stage }) => stage)).toEqual(["done", "done"]);
    expect(report.held).toEqual(nothing);
    calls = report.calls;
  });

  it("every function that the addon uses takes part", () => {
    expect(declared.length).toBeGreaterThan(30);
    expect(Object.keys(calls).sort()).toEqual(declared.toSorted());
  });

  it.each(declared)("%s", (call) => {
    const total = calls[call];
    const counts = [...new Set([1, 2, 3, Math.ceil(total / 2), total - 1, total])].filter(
      (count) => count >= 1 && count <= total,
    );
    const tries = counts.flatMap((count) => codes.map((known) => ({ count, ...known })));
    const { outcomes, report } = attempted(tries.map(({ count, code }) => `${call}:${count}:${code}`));
    expect(report.held).toEqual(nothing);
    for (const [at, { fault, stage, name, message = "", call: failed }] of outcomes.entries()) {
      const { count, error, says, lasts } = tries[at];
      if (harmless(call, count, total, lasts)) expect({ fault, stage }).toEqual({ fault, stage: "done" });
      else if (looking(call, count))
        expect({ fault, stage, failed }).toEqual({ fault, stage: "look", failed: call });
      else {
        expect({ fault, name }).toEqual({ fault, name: error });
        expect(message).toMatch(says);
        expect(["open", "work"]).toContain(stage);
        if (!lasts) expect(message).toContain(call);
      }
    }
  });
});
