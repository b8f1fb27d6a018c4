import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { chooseDevice, type FoundDevice, openNodeCuda, probeCuda } from "../../src/runtime/cuda/node.js";
import { UnsupportedError } from "../../src/runtime/errors.js";
import { cudaAddon, cudaDeclarations, describeCuda, emulatedDriver, openTestCuda } from "../support/cuda.js";

const work = mkdtempSync(join(tmpdir(), "cryotile-probe-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

let folders = 0;
/** A folder whose addon is what `make` writes. */
function withAddon(make: (path: string) => void): string {
  const folder = join(work, String(folders++));
  mkdirSync(folder);
  make(join(folder, "cryotile_cuda.node"));
  return folder;
}

/** A library of a C++ text. */
const compiled = (text: string) => (path: string) => {
  writeFileSync(`${path}.cc`, text);
  execFileSync("c++", ["-shared", "-fPIC", "-o", path, `${path}.cc`]);
};

const settings = ["FAIL", "DEVICES", "VERSION"].map((name) => `CRYOTILE_EMULATOR_${name}`);
afterEach(() => {
  for (const name of settings) delete process.env[name];
});

const refused = async (probe: Promise<unknown>): Promise<string> => {
  const error = await probe.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(UnsupportedError);
  return error.message;
};

describeCuda("an addon that does not work ends no command: it is tried in a process of its own", () => {
  const broken = (make: (path: string) => void, seconds = 20) =>
    refused(probeCuda({ folder: withAddon(make), library: emulatedDriver, seconds }));
  const remedy = /build it again: npm run build:cuda$/;

  it("none", async () => {
    expect(await broken(() => {})).toMatch(/not built here; build it with: npm run build:cuda/);
  });

  it("a file that is no library", async () => {
    const said = await broken((path) => writeFileSync(path, "half a download"));
    expect(said).toMatch(/does not load here \(.*(file too short|invalid ELF header).*\)/);
    expect(said).toMatch(remedy);
  });

  it("one for another processor", async () => {
    const said = await broken((path) => {
      const bytes = readFileSync(cudaAddon);
      // e_machine of the ELF header: SPARC.
      bytes.writeUInt16LE(2, 18);
      writeFileSync(path, bytes);
    });
    expect(said).toMatch(/does not load here/);
    expect(said).toMatch(remedy);
  });

  it("one that no Node knows how to start", async () => {
    expect(await broken(compiled("int nothing;"))).toMatch(
      /does not load here \(Module did not self-register/,
    );
  });

  it("one for a later Node-API", async () => {
    const text = `
      extern "C" __attribute__((visibility("default"))) int node_api_module_get_api_version_v1() { return 1000000; }
      extern "C" __attribute__((visibility("default"))) void* napi_register_module_v1(void*, void* exports) { return exports; }`;
    expect(await broken(compiled(text))).toMatch(remedy);
  });

  it("one that crashes when it is loaded", async () => {
    const text = "#include <csignal>\n__attribute__((constructor)) static void crash() { raise(SIGSEGV); }";
    expect(await broken(compiled(text))).toMatch(/its trial ended with SIGSEGV/);
  });

  it("one that never comes back", async () => {
    const text = "#include <unistd.h>\n__attribute__((constructor)) static void wait() { for (;;) pause(); }";
    expect(await broken(compiled(text), 1)).toMatch(/its trial ended with nothing after 1 s/);
  });
});

describeCuda("why CUDA is absent", () => {
  const absent = (variables: Readonly<Record<string, string>>, library = emulatedDriver) => {
    for (const [name, value] of Object.entries(variables)) process.env[`CRYOTILE_EMULATOR_${name}`] = value;
    return refused(probeCuda({ library }));
  };

  it("no driver", async () => {
    expect(await absent({}, join(work, "libcuda.so.1"))).toMatch(/^no CUDA driver: .*install its driver/);
  });

  it("a driver that lacks functions", async () => {
    const path = join(work, "libold.so");
    compiled('extern "C" int cuInit(unsigned) { return 0; }')(path);
    expect(await absent({}, path)).toMatch(/libold\.so has no cu\w+: the driver is too old/);
  });

  it("a driver for an older toolkit", async () => {
    expect(await absent({ VERSION: "11010" })).toBe(
      "the CUDA driver is for CUDA 11.1; 11.2 or newer is needed",
    );
  });

  it("a driver that does not start", async () => {
    expect(await absent({ FAIL: "cuInit:1:999" })).toBe(
      "the CUDA driver does not start (cuInit: CUDA_ERROR_UNKNOWN)",
    );
  });

  it("no device", async () => {
    expect(await absent({ DEVICES: "" })).toBe("the CUDA driver finds no device");
  });

  it("kernels that were not compiled", async () => {
    process.env.CRYOTILE_EMULATOR_DEVICES = "some card:8000000000:0";
    const folder = withAddon((path) => cpSync(cudaAddon, path));
    cpSync(cudaDeclarations, join(folder, "kernels.json"));
    expect(await refused(openNodeCuda({ folder, library: emulatedDriver, bytes: 2 ** 20 }))).toMatch(
      /kernels of the CUDA runtime are not built: nvcc was missing/,
    );
  });
});

describeCuda("the choice of a device", () => {
  const found = async (devices: string): Promise<readonly FoundDevice[]> => {
    process.env.CRYOTILE_EMULATOR_DEVICES = devices;
    return (await probeCuda({ library: emulatedDriver })).devices;
  };

  it("is the largest without a display, and no small one", async () => {
    const devices = await found("with a display:90000000000:1,one:24000000000:0,two:80000000000:0");
    expect(devices.map(({ display }) => display)).toEqual([true, false, false]);
    expect(chooseDevice(devices, undefined, false).name).toBe("two");
    await expect(async () => chooseDevice(devices.slice(0, 1), undefined, false)).rejects.toThrow(
      /no CUDA device is free of a display; name one with --gpu: 0 with a display GPU-/,
    );
    const small = await found("for a display:4000000000:0,with a display:80000000000:1");
    await expect(async () => chooseDevice(small, undefined, false)).rejects.toThrow(/free of a display/);
  });

  it("by number and by uuid takes what it names, a display or not", async () => {
    const devices = await found("zero:80000000000:0,one:80000000000:1,two:80000000000:0");
    const names = (wanted: string) => chooseDevice(devices, wanted, false).name;
    expect(["0", "1", "2"].map(names)).toEqual(["zero", "one", "two"]);
    expect(devices.map(({ uuid }) => names(uuid))).toEqual(["zero", "one", "two"]);
    expect(devices[1].uuid).toMatch(/^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(names(devices[2].uuid.toUpperCase())).toBe("two");
    expect(() => names("3")).toThrow(/--gpu 3 names no device; there are: 0 zero GPU-.*, 1 one .*, 2 two/);
    expect(() => names("GPU-0000")).toThrow(/--gpu GPU-0000 names several devices/);
  });

  it("leaves out one that another program has for itself, and says so where it is named", async () => {
    // The probe asks every device for its free memory, in order.
    process.env.CRYOTILE_EMULATOR_FAIL = "cuDevicePrimaryCtxRetain:1:46";
    const devices = await found("zero:80000000000:0,one:40000000000:0");
    expect(devices.map(({ freeBytes }) => freeBytes)).toEqual([0, 40000000000]);
    expect(chooseDevice(devices, undefined, false).name).toBe("one");
    expect(() => chooseDevice(devices, "0", false)).toThrow(
      /--gpu 0: zero cannot be used \(cuDevicePrimaryCtxRetain: CUDA_ERROR_DEVICE_UNAVAILABLE\)/,
    );
    expect(() => chooseDevice(devices.slice(0, 1), undefined, false)).toThrow(
      /no CUDA device can be used: zero/,
    );
  });

  it("leaves the processor alone without --software", async () => {
    const devices = await found("emulated device:8000000000:0");
    expect(() => chooseDevice(devices, undefined, false)).toThrow(
      /runs on the processor; allow it with --software/,
    );
  });

  it("holds for the memory too: that of the card which was named", async () => {
    process.env.CRYOTILE_EMULATOR_DEVICES = "emulated one:1000000000:0,emulated two:3000000000:0";
    const asked: number[] = [];
    const bytes = (free: number) => {
      asked.push(free);
      return free - 2 ** 20;
    };
    const runtime = await openTestCuda({ device: "1", bytes });
    expect(runtime.capabilities).toMatchObject({ device: "emulated two", arenaBytes: 3e9 - 2 ** 20 });
    await runtime.close();
    expect(asked).toEqual([3e9]);
    await expect(openTestCuda({ device: "0", bytes: 2e9 })).rejects.toThrow(
      /emulated one: no room for an arena of 2000000000 bytes/,
    );
  });
});
