// `npm run build:cuda`: the CUDA runtime, in build/cuda/. Kernels (native/cuda/kernels/) are compiled by nvcc where it is found, for the cards
// below; the addon needs cmake and a C++ compiler alone. Neither needs a graphics card. `--emulator` also builds a driver that runs the kernels
// on the processor and a cuFFT over it, for tests; `--no-kernels` leaves nvcc alone; `--optional` builds nothing where a program is missing. What did not change is
// not built again.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { delimiter, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const source = join(root, "native", "cuda");
const target = join(root, "build", "cuda");
const options = new Set(process.argv.slice(2));
const require = createRequire(join(root, "package.json"));

function fail(message) {
  console.error(`build:cuda: ${message}`);
  process.exit(1);
}

/**
 * Kernels by name: threads of a block, parameters in order, whether threads wait for each other, whether there is one in single precision alone,
 * whether it is for cards of compute capability 9.0 alone (hardware/).
 */
function readKernels() {
  const kernels = {};
  const folder = join(source, "kernels");
  for (const [within, hardware] of [
    ["", false],
    ["hardware", true],
  ]) {
    if (!existsSync(join(folder, within))) continue;
    for (const file of readdirSync(join(folder, within))
      .filter((name) => name.endsWith(".cu"))
      .sort()) {
      const text = withIncludes(join(folder, within, file));
      for (const [, name, threads, list] of text.matchAll(/^KERNEL\((\w+), (\d+)(?:, \d+)?\)\(([^)]*)\)/gm)) {
        const parameters = list.split(",").map((declaration) => {
          const [, type, star, own] =
            /^\s*(?:const )?(\w+)\s*(\*?)\s*(?:__restrict__ )?(\w+)\s*$/.exec(declaration) ?? [];
          if (own === undefined) fail(`${file}: cannot read the parameter "${declaration.trim()}"`);
          if (star === "" && !["u32", "i32", "u64", "float", "double", "real"].includes(type))
            fail(`${file}: the parameter ${own} is ${type}`);
          return { name: own, type: star === "*" ? "buffer" : type };
        });
        const shared = /^\/\/ Dynamic shared memory: (\d+) bytes\.$/m.exec(text)?.[1];
        kernels[name] = {
          threads: Number(threads),
          ...(shared === undefined ? {} : { sharedBytes: Number(shared) }),
          ...(hardware ? { hardware } : {}),
          parameters,
          single: /^\/\/ Single precision\.$/m.test(text),
          cooperative: /__sync|__shfl/.test(text),
          file: join(within, file),
        };
      }
    }
  }
  return kernels;
}

function withIncludes(path, seen = new Set()) {
  if (seen.has(path)) return "";
  seen.add(path);
  const text = readFileSync(path, "utf8");
  const included = [...text.matchAll(/^#include "([^"]+)"$/gm)].map(([, name]) =>
    [join(path, "..", name), join(source, "kernels", name)].find(existsSync),
  );
  return [...included.map((file) => (file === undefined ? "" : withIncludes(file, seen))), text].join("\n");
}

/** One file that holds every kernel of an image (that of hardware/, or the others), each in a namespace of its own. */
function combined(kernels, { precision = "float", emulated, hardware = false }) {
  const files = new Map();
  for (const [name, kernel] of Object.entries(kernels))
    if (Boolean(kernel.hardware) === hardware && !(kernel.single && precision === "double"))
      files.set(kernel.file, [...(files.get(kernel.file) ?? []), name]);
  const folder = hardware ? "hardware" : "common";
  const common = readdirSync(join(source, "kernels", folder)).sort();
  const lines = [
    ...common.filter((name) => name.endsWith(".cuh")).map((name) => `#include "${folder}/${name}"`),
    ...[...files.keys()].map(
      (file) => `namespace in_${file.replace(/\W/g, "_")} {\n#include "${join(source, "kernels", file)}"\n}`,
    ),
  ];
  if (emulated) {
    const suffix = precision === "double" ? "_double" : "";
    const defined = [
      "#define CRYOTILE_EMULATED",
      ...(precision === "double" ? ["#define CRYOTILE_DOUBLE"] : []),
    ];
    // Types of one name differ between precisions.
    lines.unshift(...defined, '#include "emulated.h"', '#include "kernels.h"', "namespace {");
    lines.push(
      "}",
      "namespace emulated {",
      `extern const KernelEntry kernels_${precision}[] = {`,
      ...[...files].flatMap(([file, names]) =>
        names.map(
          (name) =>
            `{"${name}${suffix}", &Call<&in_${file.replace(/\W/g, "_")}::${name}>::run, ${kernels[name].cooperative}},`,
        ),
      ),
      "};",
      `extern const size_t kernels_${precision}_count = sizeof kernels_${precision} / sizeof kernels_${precision}[0];`,
      "}",
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Write a file where its text is another one. */
function update(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(path, text);
}

/** Hash of files and words. */
function fingerprint(folders, words) {
  const hash = createHash("sha256").update(JSON.stringify(words));
  for (const folder of folders)
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort())
      hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

/** Run `build` where the stamp says that something changed. */
async function whenChanged(name, print, outputs, build) {
  const stamp = join(target, `.${name}-stamp`);
  if (outputs.every(existsSync) && existsSync(stamp) && readFileSync(stamp, "utf8") === print) return;
  const begun = Date.now();
  rmSync(stamp, { force: true });
  await build();
  writeFileSync(stamp, print);
  console.log(`build:cuda: ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
}

function findCompiler() {
  const candidates = [
    process.env.CMAKE_CUDA_COMPILER,
    process.env.CUDA_HOME && join(process.env.CUDA_HOME, "bin", "nvcc"),
    "/usr/local/cuda/bin/nvcc",
    ...(process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "nvcc")),
  ];
  return candidates.find((path) => path && existsSync(path));
}

/** Machine code for these cards, and code that later drivers compile for later cards. */
function targetsOf(compiler) {
  const [, major, minor] =
    /release (\d+)\.(\d+)/.exec(spawnSync(compiler, ["--version"], { encoding: "utf8" }).stdout) ??
    fail(`${compiler} does not tell its version`);
  const version = Number(major) + Number(minor) / 100;
  if (version < 11.02) fail(`nvcc ${major}.${minor} is too old; 11.2 or newer is needed`);
  const real = version >= 11.08 ? ["80", "90"] : ["80"];
  const newest = real[real.length - 1];
  return {
    version: `${major}.${minor}`,
    // Warpgroup products and tensor maps.
    hopper: version >= 12,
    flags: [
      ...real.map((arch) => `-gencode=arch=compute_${arch},code=sm_${arch}`),
      `-gencode=arch=compute_${newest},code=compute_${newest}`,
    ],
  };
}

function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], cwd: target });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
      });
    child.on("error", (error) => fail(`${command}: ${error.message}`));
    child.on("close", (code) =>
      code === 0 ? done(output) : fail(`${command} failed:\n${output.slice(-8000)}`),
    );
  });
}

/** The images that the addon loads: what nvcc makes each of. */
function imagesOf(kernels, targets) {
  const image = (name, text, flags) => ({
    source: join(target, `${name}.cu`),
    output: join(target, `${name}.fatbin`),
    text,
    flags,
  });
  const all = [
    image("kernels-float", combined(kernels, {}), targets.flags),
    image("kernels-double", combined(kernels, { precision: "double" }), [
      ...targets.flags,
      "-DCRYOTILE_DOUBLE",
    ]),
  ];
  if (targets.hopper)
    all.push(
      image("kernels-hopper", combined(kernels, { hardware: true }), [
        "-gencode=arch=compute_90a,code=sm_90a",
      ]),
    );
  return all;
}

async function buildKernels(kernels) {
  const compiler = findCompiler();
  if (compiler === undefined) {
    console.log(
      "build:cuda: no nvcc found (CMAKE_CUDA_COMPILER, CUDA_HOME, /usr/local/cuda, PATH): kernels are not built",
    );
    return;
  }
  const targets = targetsOf(compiler);
  const images = imagesOf(kernels, targets);
  await whenChanged(
    "kernels",
    fingerprint([join(source, "kernels")], [targets, images.map(({ flags }) => flags)]),
    images.map(({ output }) => output),
    async () => {
      for (const { source, text } of images) update(source, text);
      await Promise.all(
        images.map(({ source, output, flags }) =>
          run(compiler, [
            ...[
              "-fatbin",
              "-std=c++17",
              "-O3",
              "-Werror",
              "all-warnings",
              "--threads",
              String(Math.min(3, cpus().length)),
              "-Xfatbin",
              "-compress-all",
              "-lineinfo",
            ],
            ...flags,
            ...["-I", join(root, "native", "cuda", "kernels"), "-o", output, source],
          ]),
        ),
      );
    },
  );
}

/** A target of native/cuda/CMakeLists.txt, moved to where it is used. */
async function buildTarget(kernels, name, file, place, inputs) {
  const output = join(target, place, file);
  const print = fingerprint(inputs, [
    readFileSync(join(source, "CMakeLists.txt"), "utf8"),
    process.version,
    process.arch,
  ]);
  await whenChanged(name, print, [output], async () => {
    const emulated = ["float", "double"].map((precision) => {
      const path = join(target, `emulated-${precision}.cc`);
      update(path, combined(kernels, { precision, emulated: true }));
      return path;
    });
    const cmakeJs = join(require.resolve("cmake-js/package.json"), "..", "bin", "cmake-js");
    const folder = join(target, "cmake");
    const settings = [
      ...["--directory", source, "--out", folder, "--config", "Release", "--target", name],
      `--CDNODE_ADDON_API=${join(require.resolve("node-addon-api/package.json"), "..")}`,
      `--CDCMAKE_JS_INC=${require("node-api-headers").include_dir}`,
      `--CDEMULATED_KERNELS=${emulated.join(";")}`,
    ];
    for (const step of ["configure", "build"]) await run(process.execPath, [cmakeJs, step, ...settings]);
    mkdirSync(join(target, place), { recursive: true });
    renameSync(join(folder, "Release", file), output);
  });
}

const onPath = (program) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
for (const program of ["cmake", "c++"])
  if (!onPath(program)) {
    const notice = `${program} is not found; it is needed to build the addon`;
    if (!options.has("--optional")) fail(notice);
    console.log(`build:cuda: left out: ${notice}`);
    process.exit(0);
  }
mkdirSync(target, { recursive: true });
const kernels = readKernels();
update(
  join(target, "kernels.json"),
  `${JSON.stringify(Object.fromEntries(Object.entries(kernels).map(([name, { cooperative, single, file, ...rest }]) => [name, rest])), null, 1)}\n`,
);
if (!options.has("--no-kernels")) await buildKernels(kernels);
await buildTarget(kernels, "cryotile_cuda", "cryotile_cuda.node", "", [join(source, "addon")]);
if (options.has("--emulator")) {
  const inputs = [join(source, "addon"), join(source, "emulator")];
  await buildTarget(kernels, "cuda", "libcuda.so.1", "emulator", [...inputs, join(source, "kernels")]);
  await buildTarget(kernels, "cufft", "libcufft.so.12", "emulator", inputs);
}
