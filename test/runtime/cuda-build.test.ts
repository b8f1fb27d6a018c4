import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const compiler = [
  process.env.CMAKE_CUDA_COMPILER,
  process.env.CUDA_HOME && join(process.env.CUDA_HOME, "bin", "nvcc"),
  "/usr/local/cuda/bin/nvcc",
  ...(process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "nvcc")),
].find((path) => path !== undefined && existsSync(path));
if (compiler === undefined) console.warn("skipped: compiling the CUDA kernels: no nvcc here");

/** Architectures of the images in a fat binary, told by the compiler's own tool; none where it is not there. */
function architectures(file: string): string[] {
  const { status, stdout } = spawnSync("cuobjdump", ["--list-elf", "--list-ptx", file], { encoding: "utf8" });
  return status === 0
    ? [...stdout.matchAll(/\.(sm_\d+)\.(cubin|ptx)/g)].map(([, arch, kind]) => `${arch} ${kind}`)
    : [];
}

describe.skipIf(compiler === undefined)("nvcc", () => {
  it("compiles every kernel for the cards, warnings being errors", { timeout: 900_000 }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/build-cuda.mjs"], {
      cwd: root,
      encoding: "utf8",
    });
    expect([status, status === 0 ? "" : stdout + stderr]).toEqual([0, ""]);
    const declared = Object.keys(JSON.parse(readFileSync(join(root, "build/cuda/kernels.json"), "utf8")));
    expect(declared.length).toBeGreaterThan(50);
    for (const precision of ["float", "double"]) {
      const file = join(root, `build/cuda/kernels-${precision}.fatbin`);
      expect(existsSync(file)).toBe(true);
      const found = architectures(file);
      if (found.length > 0)
        expect(found).toEqual(expect.arrayContaining(["sm_80 cubin", "sm_90 cubin", "sm_90 ptx"]));
    }
  });
});
