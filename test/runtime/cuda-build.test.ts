import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const compiler = [
  process.env.CMAKE_CUDA_COMPILER,
  process.env.CUDA_HOME && join(process.env.CUDA_HOME, "bin", "nvcc"),
  "/usr/local/cuda/bin/nvcc",
  ...(process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "nvcc")),
].find((path) => path !== undefined && existsSync(path));
if (compiler === undefined) console.warn("skipped: compiling the CUDA kernels: no nvcc here");

/** `scripts/check-kernels.mjs` on a folder. */
function checkKernels(folder: string, variables: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, ["scripts/check-kernels.mjs", folder], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...variables },
    maxBuffer: 2 ** 28,
  });
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
    for (const precision of ["float", "double"])
      expect(existsSync(join(root, `build/cuda/kernels-${precision}.fatbin`))).toBe(true);
    const checked = checkKernels(join(root, "build/cuda"));
    if (checked.status === 3) console.warn(checked.stdout.trim());
    else expect([checked.status, checked.status === 0 ? "" : checked.stdout]).toEqual([0, ""]);
  });
});

describe.skipIf(process.platform === "win32")("what cuobjdump says of the kernels", () => {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-kernels-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const kernels = ["screen_scores", "screen_correlations", "screen_energy", "screen_norms"];

  /** A cuobjdump that says of kernels-float.fatbin what it would of one with these architectures, instructions and bytes of local memory. */
  function check({ arches = ["sm_80", "sm_90"], instruction = "HMMA.16816.F32", local = 0, ptx = true }) {
    const text = {
      "--list-elf": arches.map((arch, i) => `ELF file    ${i + 1}: kernels-float.${i + 1}.${arch}.cubin`),
      "--list-ptx": ptx ? ["PTX file    1: kernels-float.1.sm_90.ptx"] : [],
      "--dump-resource-usage": arches.flatMap((arch) => [
        "Fatbin elf code:",
        "================",
        `arch = ${arch}`,
        "Resource usage:",
        " Common:",
        "  GLOBAL:0",
        " Function add_prior:",
        `  REG:40 STACK:${local} SHARED:0 LOCAL:0 CONSTANT[0]:600 TEXTURE:0 SURFACE:0 SAMPLER:0`,
      ]),
      "--dump-sass": arches.flatMap((arch) => [
        `\tcode for ${arch}`,
        ...kernels.flatMap((name) => [
          `\t\tFunction : ${name}`,
          `        /*0100*/                   ${instruction} R4, R8, R12, R4 ;    /* 0x000000180c04723c */`,
        ]),
      ]),
    };
    const cases = Object.entries(text).map(
      ([option, lines]) => `${option}) cat <<'END'\n${lines.join("\n")}\nEND\n;;`,
    );
    writeFileSync(join(folder, "cuobjdump"), `#!/bin/sh\ncase "$1" in\n${cases.join("\n")}\nesac\n`);
    chmodSync(join(folder, "cuobjdump"), 0o755);
    writeFileSync(join(folder, "kernels-float.fatbin"), "");
    const { status, stdout } = checkKernels(folder, { CMAKE_CUDA_COMPILER: join(folder, "nvcc") });
    return [status, stdout.split("\n").filter((line) => line.startsWith("wrong: "))] as const;
  }

  it("is taken where all is there", () => {
    expect(check({})).toEqual([0, []]);
  });

  it("and not where a card, later cards, tensor instructions or registers are missing", () => {
    expect(check({ arches: ["sm_90"] })).toEqual([
      1,
      ["wrong: float: no sm_80 elf", ...kernels.map((name) => `wrong: float: ${name} has no HMMA on sm_80`)],
    ]);
    expect(check({ ptx: false })).toEqual([1, ["wrong: float: no sm_90 ptx"]]);
    expect(check({ instruction: "FFMA" })[1]).toHaveLength(8);
    expect(check({ local: 16 })).toEqual([
      1,
      ["sm_80", "sm_90"].map(
        (arch) => `wrong: float: add_prior takes 16 bytes of local memory on ${arch}, 0 are recorded`,
      ),
    ]);
  });

  it("is not needed", () => {
    const { status, stdout } = checkKernels(join(folder, "empty"));
    expect(status).toBe(3);
    expect(stdout).toMatch(/^skipped: the built kernels: /);
  });
});
