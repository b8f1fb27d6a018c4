// Checks the built kernels (build/cuda/*.fatbin) with NVIDIA's cuobjdump: machine code for every card and PTX for later ones, tensor
// instructions in the products of the screen, no local memory (spilled registers) beyond what is recorded below. Exit code 1 where one fails,
// 3 where there is no cuobjdump or no kernel to look at. `node scripts/check-kernels.mjs [FOLDER]`
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Images by what the addon loads, and what each must hold. */
export const images = {
  float: ["sm_80 elf", "sm_90 elf", "sm_90 ptx"],
  double: ["sm_80 elf", "sm_90 elf", "sm_90 ptx"],
  hopper: ["sm_90a elf"],
};
/** Products that are worth nothing without tensor cores: instruction by image and kernel. */
export const tensorInstructions = {
  float: {
    screen_scores: "HMMA",
    screen_correlations: "HMMA",
    screen_energy: "HMMA",
    screen_norms: "HMMA",
  },
  double: {},
  hopper: { screen_scores_240: "HGMMA", screen_scores_256: "HGMMA", screen_energy_hopper: "HGMMA" },
};
/**
 * Bytes of local memory a thread that kernels are known to take: arrays whose index is not constant, one spilled register of screen_direct on
 * sm_90, and lines of transforms, of which four blocks share a multiprocessor; the others take none.
 */
export const localBytes = {
  float: {
    screen_cut: 32,
    screen_decide: 32,
    screen_direct: 8,
    diff2_fine: 192,
    fft_rows: 88,
    fft_lines: 24,
    fft_rows_back: 88,
    padded_rows: 24,
    padded_lines: 24,
    padded_rows_back: 88,
  },
  double: {
    diff2_fine_double: 400,
    diff2_tiled_double: 8,
    fft_rows_double: 560,
    fft_lines_double: 456,
    fft_rows_back_double: 560,
    padded_rows_double: 456,
    padded_lines_double: 456,
    padded_rows_back_double: 560,
  },
  hopper: {},
};

/** cuobjdump beside nvcc or on the path. */
export function findTool() {
  const besides = [process.env.CMAKE_CUDA_COMPILER].filter(Boolean).map(dirname);
  const folders = [
    ...besides,
    ...(process.env.CUDA_HOME ? [join(process.env.CUDA_HOME, "bin")] : []),
    "/usr/local/cuda/bin",
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  return folders.map((folder) => join(folder, "cuobjdump")).find(existsSync);
}

/** Architectures and kinds in the output of `cuobjdump --list-elf --list-ptx`. */
export const listed = (text) =>
  [...text.matchAll(/\.(sm_\d+a?)\.(cubin|ptx)/g)].map(
    ([, arch, kind]) => `${arch} ${kind === "ptx" ? "ptx" : "elf"}`,
  );

/** Bytes of stack and local memory by architecture and kernel in the output of `cuobjdump --dump-resource-usage`. */
export function resources(text) {
  const found = [];
  let [arch, kernel] = ["", ""];
  for (const line of text.split("\n")) {
    arch = /^arch = (sm_\d+a?)/.exec(line.trim())?.[1] ?? arch;
    kernel = /Function (\S+):$/.exec(line.trim())?.[1] ?? kernel;
    const [, registers, stack, local] = /REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)/.exec(line) ?? [];
    if (registers !== undefined)
      found.push({ arch, kernel, registers: Number(registers), local: Number(stack) + Number(local) });
  }
  return found;
}

/** Kernels, by architecture, whose code in the output of `cuobjdump --dump-sass` has an instruction. */
export function kernelsWith(text, instruction) {
  const found = [];
  let [arch, kernel] = ["", ""];
  for (const line of text.split("\n")) {
    arch = /code for (sm_\d+a?)/.exec(line)?.[1] ?? arch;
    kernel = /Function : (\S+)/.exec(line)?.[1] ?? kernel;
    if (new RegExp(`\\s${instruction}\\.`).test(line)) found.push(`${arch} ${kernel}`);
  }
  return new Set(found);
}

/** What is wrong with an image, from what cuobjdump says of it. */
export function faults(name, { list, usage, sass }) {
  const wrong = images[name]
    .filter((wanted) => !listed(list).includes(wanted))
    .map((wanted) => `${name}: no ${wanted}`);
  const used = resources(usage);
  if (used.length === 0) wrong.push(`${name}: no kernel in what cuobjdump says of resources`);
  for (const { arch, kernel, local } of used) {
    const most = localBytes[name]?.[kernel] ?? 0;
    if (local > most)
      wrong.push(`${name}: ${kernel} takes ${local} bytes of local memory on ${arch}, ${most} are recorded`);
  }
  for (const [kernel, instruction] of Object.entries(tensorInstructions[name])) {
    const has = kernelsWith(sass, instruction);
    for (const arch of images[name].filter((kind) => kind.endsWith(" elf")).map((kind) => kind.split(" ")[0]))
      if (!has.has(`${arch} ${kernel}`)) wrong.push(`${name}: ${kernel} has no ${instruction} on ${arch}`);
  }
  return wrong;
}

function main(folder) {
  const tool = findTool();
  const built = Object.keys(images).filter((name) => existsSync(join(folder, `kernels-${name}.fatbin`)));
  if (tool === undefined || built.length === 0) {
    console.log(
      `skipped: the built kernels: ${tool === undefined ? "no cuobjdump here" : `none in ${folder}`}`,
    );
    process.exit(3);
  }
  const run = (file, ...options) => {
    const { status, stdout, stderr } = spawnSync(tool, [...options, file], {
      encoding: "utf8",
      maxBuffer: 2 ** 30,
    });
    if (status === 0) return stdout;
    console.error(`cuobjdump ${options.join(" ")} ${file}: ${stderr}`);
    process.exit(1);
  };
  const wrong = built.flatMap((name) => {
    const file = join(folder, `kernels-${name}.fatbin`);
    const sass = Object.keys(tensorInstructions[name]).length === 0 ? "" : run(file, "--dump-sass");
    return faults(name, {
      list: run(file, "--list-elf") + run(file, "--list-ptx"),
      usage: run(file, "--dump-resource-usage"),
      sass,
    });
  });
  for (const fault of wrong) console.log(`wrong: ${fault}`);
  console.log(`${built.join(", ")}: ${wrong.length === 0 ? "as they must be" : `${wrong.length} faults`}`);
  process.exit(wrong.length === 0 ? 0 : 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main(resolve(process.argv[2] ?? join(import.meta.dirname, "..", "build", "cuda")));
