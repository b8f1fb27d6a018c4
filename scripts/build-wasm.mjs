// Compiles native/wasm/ and writes src/runtime/cpu/module.ts: the module as text, and the parameters of its kernels as they stand in the C
// sources. The compiler is the npm package @yowasp/clang of exactly the version below (clang as WebAssembly, no system package), so the
// bytes are the same on every machine. `--check` compares and writes nothing; exit code 1 where they differ.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

export const compilerVersion = "22.0.0-git20542-10";

const root = resolve(import.meta.dirname, "..");
const sourceFolder = join(root, "native/wasm");
const target = join(root, "src/runtime/cpu/module.ts");

const flags = [
  ...[
    "--target=wasm32",
    "-O3",
    "-msimd128",
    "-mbulk-memory",
    "-matomics",
    "-ffp-contract=off",
    "-fno-math-errno",
  ],
  ...["-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-Wl,--strip-all"],
  ...["-Wl,--import-memory", "-Wl,--shared-memory", "-Wl,--max-memory=4294967296", "-Wl,-z,stack-size=65536"],
  ...["-Wl,--export=__stack_pointer", "-Wl,--export=__heap_base"],
];

/** Names and types of the parameters of every kernel. */
function readKernels(sources) {
  const kernels = {};
  for (const name of Object.keys(sources).sort())
    for (const [, kernel, fields] of sources[name].matchAll(/^KERNEL\((\w+), ([^)]*)\)/gm)) {
      kernels[kernel] = {};
      for (const field of fields.split(";").filter((text) => text.trim() !== "")) {
        const [, type, star, own] = /^\s*(?:const )?(\w+) (\*?)(\w+)$/.exec(field) ?? [];
        if (own === undefined) throw new Error(`${name}: ${kernel}: cannot read the field "${field}"`);
        kernels[kernel][own] = star === "*" ? "pointer" : type;
      }
    }
  return kernels;
}

async function loadCompiler() {
  const require = createRequire(join(root, "package.json"));
  const folder = [...require.resolve.paths("@yowasp/clang")]
    .map((path) => join(path, "@yowasp/clang"))
    .find(existsSync);
  if (folder === undefined)
    throw new Error(`the compiler is missing: npm install --no-save @yowasp/clang@${compilerVersion}`);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (version !== compilerVersion)
    throw new Error(`@yowasp/clang is ${version}; ${compilerVersion} is needed`);
  return import(pathToFileURL(join(folder, "gen/bundle.js")).href);
}

const sources = Object.fromEntries(
  readdirSync(sourceFolder)
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => [name, readFileSync(join(sourceFolder, name), "utf8")]),
);
const { runClang } = await loadCompiler();
const warnings = [];
const output = await runClang(["clang", ...flags, "module.c", "-o", "module.wasm"], sources, {
  stderr: (bytes) => bytes && warnings.push(new TextDecoder().decode(bytes)),
}).catch(() => {
  console.error(warnings.join(""));
  process.exit(1);
});
const wasm = output["module.wasm"];
const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true });
const { __heap_base: end } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } })
  .exports;
const kernels = JSON.stringify(readKernels(sources), null, 2).replace(/"(\w+)":/g, "$1:");
const text = `// Made by scripts/build-wasm.mjs from native/wasm/ with clang (@yowasp/clang ${compilerVersion}). Do not edit.

/** Parameters of the kernels, in the order of their C structures. */
export const kernels = ${kernels.replace(/\n(\s*)}(?=,?\n)/g, ",\n$1}").replace(/\n}$/, ",\n}")} as const;

/** Bytes at the beginning of the memory that the module itself uses. */
export const moduleBytes = ${end.value};

/** The WebAssembly module, base64. */
export const moduleText =
  "${Buffer.from(wasm).toString("base64")}";
`;
const same = existsSync(target) && readFileSync(target, "utf8") === text;
if (process.argv.includes("--check")) {
  console.log(
    same
      ? "the module is what its sources give"
      : "the module differs from what its sources give: npm run build:wasm",
  );
  process.exit(same ? 0 : 1);
}
if (!same) writeFileSync(target, text);
console.log(
  `${wasm.length} bytes, ${Object.keys(readKernels(sources)).length} kernels${same ? ", unchanged" : ""}`,
);
