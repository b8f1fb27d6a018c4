import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ArenaFullError } from "../../src/runtime/arena.js";
import { openCpu } from "../../src/runtime/cpu/index.js";
import { openNodeCpu } from "../../src/runtime/cpu/node.js";
import { DeviceMemoryError, UnsupportedError } from "../../src/runtime/errors.js";

const root = resolve(import.meta.dirname, "../..");
const compiler = existsSync(resolve(root, "node_modules/@yowasp/clang"));
if (!compiler && process.env.CI)
  throw new Error("the compiler of the WebAssembly module is needed in CI: node scripts/setup.mjs --peers");
if (!compiler)
  console.warn("skipped: the WebAssembly module from its sources (npm run build:wasm brings the compiler)");

describe("the WebAssembly module", () => {
  it.skipIf(!compiler)(
    "is what its sources give, byte for byte",
    () => {
      const script = resolve(root, "scripts/build-wasm.mjs");
      expect(spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" }).stdout).toContain(
        "the module is what its sources give",
      );
    },
    300_000,
  );

  it("needs no relaxed instructions and refers to nothing outside", async () => {
    const { moduleText } = await import("../../src/runtime/cpu/module.js");
    const module = new WebAssembly.Module(Buffer.from(moduleText, "base64"));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
  });
});

describe("cpu runtime", () => {
  it("says what it is", async () => {
    const runtime = await openNodeCpu({ bytes: 2 ** 24, threads: 3 });
    expect(runtime.capabilities.device).toMatch(/^WebAssembly SIMD, 3 threads/);
    expect(runtime.capabilities.slabs).toEqual([2 ** 24]);
    await runtime.close();
    const alone = await openCpu({ bytes: 2 ** 24, threads: 8 });
    expect(alone.capabilities.device).toBe("WebAssembly SIMD, 1 thread");
    await alone.close();
  });

  it("refuses what WebAssembly cannot address, and buffers beyond the arena", async () => {
    await expect(openNodeCpu({ bytes: 2 ** 32 })).rejects.toThrow(DeviceMemoryError);
    await expect(openNodeCpu({ bytes: 2 ** 24, threads: 0 })).rejects.toThrow(UnsupportedError);
    const runtime = await openNodeCpu({ bytes: 2 ** 24, threads: 1 });
    expect(() => runtime.alloc("real", "too much", 2 ** 22 + 1)).toThrow(ArenaFullError);
    expect(() => runtime.makeFft([40_001, 40_001], 1)).toThrow(UnsupportedError);
    const buffer = runtime.alloc("real", "values", 10);
    expect(() => runtime.upload(buffer, [1, 2, 3], 8)).toThrow(RangeError);
    await runtime.close();
    await expect(runtime.clear(buffer)).rejects.toThrow("closed");
  });

  it("reaches the end of an arena of 3 GiB", async () => {
    const runtime = await openNodeCpu({ bytes: 3 * 2 ** 30, threads: 2 });
    runtime.alloc("real", "most of it", (3 * 2 ** 30 - 2 ** 20) / 4);
    const count = 1000;
    const images = runtime.alloc("real", "images", count);
    const out = runtime.alloc("real", "out", count);
    const moves = runtime.alloc("index", "moves", 3 * count);
    const factor = runtime.alloc("real", "factors", count);
    runtime.upload(
      images,
      Float64Array.from({ length: count }, (_, at) => at),
    );
    runtime.upload(
      moves,
      Uint32Array.from({ length: 3 * count }, (_, at) => (at % 3 === 0 ? at / 3 : 0)),
    );
    runtime.upload(factor, new Float32Array(count).fill(2));
    await runtime.shiftImages({ images, out, moves_i3: moves, factor_i: factor, box: 1, count });
    expect((await runtime.download(out))[999]).toBe(1998);
    await runtime.close();
  });

  it("ends loudly where a kernel leaves the memory, in whichever thread", async () => {
    const runtime = await openNodeCpu({ bytes: 2 ** 24, threads: 2 });
    const count = 64;
    const images = runtime.alloc("real", "images", 16);
    const out = runtime.alloc("real", "out", 16);
    const moves = runtime.alloc("index", "moves", 3 * count);
    const factor = runtime.alloc("real", "factors", count);
    const pass = { images, out, moves_i3: moves, factor_i: factor, box: 4096, count };
    await expect(runtime.shiftImages(pass)).rejects.toThrow(/kernel shift_images/);
    await expect(runtime.clear(images)).rejects.toThrow(/kernel shift_images/);
    await runtime.close();
  });

  it("does not keep a process alive", () => {
    const script = `const { openNodeCpu } = await import(${JSON.stringify(resolve(root, "dist/src/runtime/cpu/node.js"))});
      const runtime = await openNodeCpu({ bytes: 2 ** 24, threads: 3 });
      console.log(runtime.name);`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(out.trim()).toBe("cpu");
  });

  it("is built by the compiler that package.json names", () => {
    const { scripts } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
    const version = /compilerVersion = "([^"]+)"/.exec(
      readFileSync(resolve(root, "scripts/build-wasm.mjs"), "utf8"),
    )?.[1];
    expect(scripts["build:wasm"]).toContain(`@yowasp/clang@${version} `);
  });
});
