import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cudaAddon, cudaDeclarations, describeCuda, emulatedCufft, emulatedDriver } from "../support/cuda.js";

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
function attempted(
  faults: readonly string[],
  precision: "single" | "double" = "single",
): { outcomes: Outcome[]; report: Report } {
  const path = join(folder, "report.json");
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [scenario, cudaAddon, emulatedDriver, emulatedCufft, cudaDeclarations, precision, ...faults],
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

const nothing = { contexts: 0, memory: 0, host: 0, modules: 0, streams: 0, events: 0, plans: 0 };

interface Known {
  readonly code: number;
  readonly error: string;
  readonly says: RegExp;
  /** Every later call fails too. */
  readonly lasts: boolean;
}

/** NVIDIA's numbers, and what the runtime makes of them once it uses the device. */
const codes: readonly Known[] = [
  { code: 2, error: "DeviceMemoryError", says: /no room for|no more memory to pin/, lasts: false },
  { code: 209, error: "UnsupportedError", says: /does not take the kernels .* newer driver/, lasts: false },
  { code: 46, error: "UnsupportedError", says: /another program has it for itself/, lasts: false },
  { code: 1, error: "Error", says: /failed: CUDA_ERROR_INVALID_VALUE/, lasts: false },
  { code: 719, error: "DeviceLostError", says: /device was lost .* start the run again/, lasts: true },
];
/** The same of cuFFT. */
const cufftCodes: readonly Known[] = [
  { code: 2, error: "DeviceMemoryError", says: /no room for a plan of cuFFT/, lasts: false },
  { code: 4, error: "Error", says: /failed: CUFFT_INVALID_VALUE/, lasts: false },
  { code: 5, error: "DeviceLostError", says: /device was lost .* start the run again/, lasts: false },
  { code: 6, error: "DeviceLostError", says: /device was lost .* start the run again/, lasts: false },
  { code: 99, error: "DeviceLostError", says: /device was lost .*CUFFT_ERROR_99/, lasts: false },
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
const declaredIn = (file: string) =>
  [
    ...readFileSync(resolve(import.meta.dirname, "../../native/cuda/addon", file), "utf8").matchAll(
      /^ {2}FUNCTION\((\w+),/gm,
    ),
  ]
    .map(([, name]) => name)
    .filter((name) => !unused.has(name));
const declared = declaredIn("driver_api.h");
const precisionOf = (call: string) => (/^cufftExec(D2Z|Z2D)$/.test(call) ? "double" : "single");
const declaredOfCufft = declaredIn("fft_api.h");

/** Which calls of `total` are to fail, and how. */
const triesOf = (total: number, codes: readonly Known[]) =>
  [...new Set([1, 2, 3, Math.ceil(total / 2), total - 1, total])]
    .filter((count) => count >= 1 && count <= total)
    .flatMap((count) => codes.map((known) => ({ count, ...known })));

describeCuda("a call of the CUDA driver that fails", () => {
  let calls: Report["calls"];
  beforeAll(() => {
    const { outcomes, report } = attempted(["none", "none"]);
    expect(outcomes.map(({ stage }) => stage)).toEqual(["done", "done"]);
    expect(report.held).toEqual(nothing);
    const double = attempted(["none"], "double");
    expect(double.outcomes.map(({ stage }) => stage)).toEqual(["done"]);
    expect(double.report.held).toEqual(nothing);
    calls = { ...double.report.calls, ...report.calls };
  });

  it("every function that the addon uses takes part", () => {
    expect(declared.length).toBeGreaterThan(30);
    expect(declaredOfCufft.length).toBeGreaterThan(10);
    expect(Object.keys(calls).sort()).toEqual([...declared, ...declaredOfCufft].sort());
  });

  it.each(declared)("%s", (call) => {
    const tries = triesOf(calls[call], codes);
    const total = calls[call];
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

  it.each(declaredOfCufft)("%s", (call) => {
    const tries = triesOf(calls[call], cufftCodes);
    const { outcomes, report } = attempted(
      tries.map(({ count, code }) => `${call}:${count}:${code}`),
      precisionOf(call),
    );
    expect(report.held).toEqual(nothing);
    for (const [at, { fault, stage, name, message = "" }] of outcomes.entries()) {
      const { count, code, error, says } = tries[at];
      // The first plan is a trial: the library does not work here. Later ones are given back when the device is.
      const trial = count === 1 && !call.startsWith("cufftExec") && call !== "cufftSetWorkArea";
      if (call === "cufftDestroy" && !trial) expect({ fault, stage }).toEqual({ fault, stage: "done" });
      else if (trial && code !== 2) {
        expect({ fault, stage, name }).toEqual({ fault, stage: "open", name: "UnsupportedError" });
        expect(message).toMatch(/^cuFFT cannot be used \(.*CUFFT.*the kernels of CryoTile$/i);
        expect(message).toContain(call);
      } else {
        expect({ fault, stage, name }).toEqual({ fault, stage: trial ? "open" : "work", name: error });
        expect(message).toMatch(says);
        expect(message).toContain(call);
      }
    }
  });
});
