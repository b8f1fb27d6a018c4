import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TraceEvent } from "../arena.js";
import type { Runtime } from "../contract.js";
import { UnsupportedError } from "../errors.js";
import type { CudaDeviceInfo, NativeCuda } from "./addon.js";
import { firstLibrary, toldOfCufft } from "./cufft.js";
import { cufftChoice } from "./cufft-node.js";
import { isEmulated } from "./device.js";
import { type CudaOptions, type KernelSignature, openCuda, type Precision } from "./index.js";
import { toldOfKernels } from "./line-fft.js";

const addonName = "cryotile_cuda.node";
/** The driver's library: by its name where the loader of the system finds it, and where installers put it. */
const driverName = "libcuda.so.1";
const driverFolders = [
  "/usr/local/nvidia/lib64",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib/wsl/lib",
];
/** CUDA 11.2, that of DGX OS 5. */
const oldestDriver = 11020;
const probeSeconds = 60;
/** Ten times the compute capability that the kernels need (asynchronous copies, tensor cores of Ampere). */
const oldestCapability = 80;

/** A card that was found. */
export interface FoundDevice extends CudaDeviceInfo {
  readonly freeBytes: number;
  /** Why it cannot be used now; absent where it can. */
  readonly unusable?: string;
}

export interface CudaProbe {
  /** The driver's library, and its version: 13000 for CUDA 13.0. */
  readonly library: string;
  readonly version: number;
  readonly devices: readonly FoundDevice[];
}

/** Where the runtime is looked for. */
export interface CudaPlaces {
  /** The driver's library, where it is another one than the system's. */
  readonly library?: string;
  /** The folder of the addon and its kernels. Default: build/cuda of the package. */
  readonly folder?: string;
  /** How long the trial of the addon may take. Default: 60. */
  readonly seconds?: number;
}

export interface NodeCudaOptions extends CudaPlaces {
  /** Number or uuid (its beginning is enough) of the card. Default: the one with most memory that has no display. */
  readonly device?: string;
  /** Allow a device that runs on the processor. */
  readonly software?: boolean;
  /** Bytes of the arena, or how many of those that are free. */
  readonly bytes: number | ((free: number) => number);
  readonly precision?: Precision;
  /** The library of cuFFT, `find` or `none`. Default: what CRYOTILE_CUFFT says, else `none`. */
  readonly cufft?: string;
  readonly onEvent?: (event: TraceEvent) => void;
  readonly onProfile?: CudaOptions["onProfile"];
}

function addonFolder(wanted: string | undefined): string {
  const folders = ["../../../build/cuda/", "../../../../build/cuda/"].map((up) =>
    fileURLToPath(new URL(up, import.meta.url)),
  );
  const folder = (wanted === undefined ? folders : [wanted]).find((path) =>
    existsSync(join(path, addonName)),
  );
  if (folder === undefined)
    throw new UnsupportedError("the CUDA runtime is not built here; build it with: npm run build:cuda");
  return folder;
}

/** Text of the program that tries the addon: a broken one ends it and not the caller. */
const probeText = `
const [addon, ...libraries] = process.argv.slice(1);
const load = (native, [library, ...others]) => {
  try {
    return { library, driver: native.load(library) };
  } catch (error) {
    if (error.code !== "ERR_NO_DRIVER" || others.length === 0) throw error;
    return load(native, others);
  }
};
let stage = "addon";
try {
  const native = require(addon);
  stage = "driver";
  const { library, driver } = load(native, libraries);
  const devices = driver.devices().map((device) => {
    try {
      return { ...device, freeBytes: driver.freeBytes(device.ordinal) };
    } catch (error) {
      return { ...device, freeBytes: 0, unusable: error.message };
    }
  });
  console.log(JSON.stringify({ library, version: driver.version, devices }));
} catch (error) {
  console.log(JSON.stringify({ stage, error: error.message, code: error.code }));
}`;

/**
 * The driver and its devices, looked for in a process of its own.
 * @throws UnsupportedError which says why there are none
 */
export async function probeCuda(places: CudaPlaces = {}): Promise<CudaProbe> {
  const addon = join(addonFolder(places.folder), addonName);
  const libraries =
    places.library === undefined
      ? [driverName, ...driverFolders.map((folder) => join(folder, driverName)).filter(existsSync)]
      : [places.library];
  const { output, end } = await runProbe([addon, ...libraries], places.seconds ?? probeSeconds);
  let found: Partial<CudaProbe> & { stage?: string; error?: string; code?: string };
  try {
    found = JSON.parse(output);
  } catch {
    throw new UnsupportedError(
      `the CUDA addon does not work here (its trial ended with ${end}); build it again: npm run build:cuda`,
    );
  }
  if (found.error !== undefined) throw new UnsupportedError(whyNot(found.error, found.stage, found.code));
  const { library = driverName, version = 0, devices = [] } = found;
  if (version < oldestDriver)
    throw new UnsupportedError(
      `the CUDA driver is for CUDA ${formatVersion(version)}; ${formatVersion(oldestDriver)} or newer is needed`,
    );
  if (devices.length === 0) throw new UnsupportedError("the CUDA driver finds no device");
  return { library, version, devices: devices.map(withAge) };
}

function withAge(device: FoundDevice): FoundDevice {
  if (device.capability >= oldestCapability) return device;
  const told = [device.capability, oldestCapability].map((tenfold) => (tenfold / 10).toFixed(1));
  return { ...device, unusable: `compute capability ${told[0]}; ${told[1]} or newer is needed` };
}

/** 13.0 for 13000. */
export const formatVersion = (version: number): string =>
  `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

function whyNot(message: string, stage: string | undefined, code: string | undefined): string {
  if (stage === "addon")
    return `the CUDA addon does not load here (${message.split("\n")[0]}); build it again: npm run build:cuda`;
  if (code === "ERR_NO_DRIVER")
    return `no CUDA driver: ${message}; on a machine with an NVIDIA card install its driver (nvidia-smi shows it)`;
  if (code === "CUDA_ERROR_NO_DEVICE") return "the CUDA driver finds no device";
  return `the CUDA driver does not start (${message})`;
}

function runProbe(args: readonly string[], seconds: number): Promise<{ output: string; end: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["-e", probeText, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 1000 * seconds,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("error", (error) => resolve({ output, end: error.message }));
    child.on("close", (code, signal) =>
      resolve({
        output,
        end: child.killed ? `nothing after ${seconds} s` : (signal ?? `code ${code}`),
      }),
    );
  });
}

/** Cards of less than this share of the largest one's memory drive displays and are taken on request alone. */
const smallShare = 0.25;

/**
 * The card to use.
 * @throws UnsupportedError which names those that there are
 */
export function chooseDevice(
  devices: readonly FoundDevice[],
  wanted: string | undefined,
  software: boolean,
): FoundDevice {
  const names = devices.map(({ ordinal, name, uuid }) => `${ordinal} ${name} ${uuid}`).join(", ");
  if (wanted !== undefined) {
    const found = devices.filter(({ ordinal, uuid }) =>
      /^\d+$/.test(wanted) ? ordinal === Number(wanted) : uuid.toLowerCase().startsWith(wanted.toLowerCase()),
    );
    if (found.length !== 1)
      throw new UnsupportedError(
        `--gpu ${wanted} names ${found.length === 0 ? "no device" : "several devices"}; there are: ${names}`,
      );
    if (found[0].unusable !== undefined)
      throw new UnsupportedError(`--gpu ${wanted}: ${found[0].name} cannot be used (${found[0].unusable})`);
    return found[0];
  }
  const most = Math.max(...devices.map(({ totalBytes }) => totalBytes));
  const usable = devices.filter(({ display, totalBytes }) => !display && totalBytes >= smallShare * most);
  const working = usable.filter(({ unusable }) => unusable === undefined);
  const cards = working.filter(({ name }) => software || !isEmulated(name));
  if (cards.length === 0)
    throw new UnsupportedError(
      working.length > 0
        ? `the only CUDA device is ${working[0].name}, which runs on the processor; allow it with --software`
        : usable.length > 0
          ? `no CUDA device can be used: ${usable.map(({ name, unusable }) => `${name} (${unusable})`).join(", ")}`
          : `no CUDA device is free of a display; name one with --gpu: ${names}`,
    );
  return cards.reduce((best, card) => (card.totalBytes > best.totalBytes ? card : best));
}

/** By what a runtime that is opened here computes its transforms. */
export function describeTransforms(): string {
  const addon = createRequire(import.meta.url)(join(addonFolder(undefined), addonName)) as NativeCuda;
  const choice = cufftChoice(undefined);
  if (choice === undefined) return toldOfKernels;
  try {
    const { library, version } = firstLibrary(choice, (path) => addon.fftVersion(path));
    return toldOfCufft(version, library);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return error.message;
  }
}

/**
 * The CUDA runtime in Node. The addon is tried in a process of its own first.
 * @throws DeviceMemoryError, DeviceLostError, UnsupportedError
 */
export async function openNodeCuda(options: NodeCudaOptions): Promise<Runtime> {
  const { precision = "single", onEvent, onProfile, software = false } = options;
  const { devices, library } = await probeCuda(options);
  const device = chooseDevice(devices, options.device, software);
  const folder = addonFolder(options.folder);
  const addon = createRequire(import.meta.url)(join(folder, addonName)) as NativeCuda;
  const bytes = typeof options.bytes === "number" ? options.bytes : options.bytes(device.freeBytes);
  return openCuda({
    driver: addon.load(library),
    device,
    bytes,
    precision,
    cufft: cufftChoice(options.cufft),
    kernels: await readKernels(folder, precision, isEmulated(device.name)),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(onProfile === undefined ? {} : { onProfile }),
  });
}

/** Kernels as they were built. An emulated device brings its own code. */
async function readKernels(folder: string, precision: Precision, emulated: boolean) {
  const signatures = JSON.parse(await readFile(join(folder, "kernels.json"), "utf8")) as Record<
    string,
    KernelSignature
  >;
  if (emulated) return { signatures, code: new Uint8Array(1) };
  const file = join(folder, `kernels-${precision === "double" ? "double" : "float"}.fatbin`);
  if (!existsSync(file))
    throw new UnsupportedError(
      "the kernels of the CUDA runtime are not built: nvcc was missing; install the CUDA toolkit and run npm run build:cuda",
    );
  const hopper = join(folder, "kernels-hopper.fatbin");
  return {
    signatures,
    code: await readFile(file),
    ...(existsSync(hopper) ? { hopper: await readFile(hopper) } : {}),
  };
}
