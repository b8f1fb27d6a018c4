// `npm run bundle:offline`: one archive with everything that runs on a machine without a network: Node, the built program, its packages,
// kernels and the Vulkan loader. Unpack it there and run ./cryotile-offline/cryotile. For machines of the same system and processor.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const folder = join(root, "build", "cryotile-offline");
const archive = join(root, "build", `cryotile-offline-${process.platform}-${process.arch}.tar.xz`);

function output(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) {
    console.error(`bundle: ${command} failed: ${stderr}`);
    process.exit(1);
  }
  return stdout;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(join(folder, "bin"), { recursive: true });
mkdirSync(join(folder, "lib"));
cpSync(realpathSync(process.execPath), join(folder, "bin", "node"));
for (const part of [
  "dist",
  "shaders",
  "scripts",
  "bench/records",
  "test/golden",
  "docs/benchmarks.md",
  "package.json",
  "LICENSE",
  "README.md",
])
  cpSync(join(root, part), join(folder, part), { recursive: true });

// The CUDA runtime, where it was built.
for (const part of [
  "cryotile_cuda.node",
  "kernels.json",
  "kernels-float.fatbin",
  "kernels-double.fatbin",
  "kernels-hopper.fatbin",
]) {
  const built = join(root, "build", "cuda", part);
  if (existsSync(built)) cpSync(built, join(folder, "build", "cuda", part));
  else console.log(`bundle: without build/cuda/${part}`);
}

const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" });
if (commit.status === 0) writeFileSync(join(folder, "COMMIT"), commit.stdout);

// Packages that run, without maps, types and other systems' binaries.
const native = `${process.platform}-${process.arch}`;
const wanted = (path) => {
  const within = relative(root, path);
  if (/\.(map|d\.ts|d\.mts|d\.cts|md|markdown|tsbuildinfo)$/.test(within)) return false;
  // Of molstar only its readers are used.
  if (
    /node_modules\/molstar\/(build|lib\/(commonjs|apps|cli|examples|extensions|servers|mol-plugin|mol-canvas3d))/.test(
      within,
    )
  )
    return false;
  if (/node_modules\/webgpu\/dist\/[^/]+$/.test(within))
    return !/-(x64|arm64|universal)$/.test(within) || within.endsWith(native);
  return true;
};
// Packages of the lock file alone: npm lists others that lie there as well.
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
for (const path of output("npm", ["ls", "--omit=dev", "--all", "--parseable"]).trim().split("\n").slice(1)) {
  const within = relative(root, path);
  const { dev, devOptional } = packages[within] ?? { dev: true };
  // The compiler comes with an optional part that is not marked.
  if (!dev && !devOptional && !within.includes("@typescript/"))
    cpSync(path, join(folder, within), { recursive: true, filter: wanted });
}

if (process.platform === "linux") {
  const loader = /libvulkan\.so\.1 .*=> (\S+)/.exec(output("ldconfig", ["-p"]))?.[1];
  if (loader !== undefined && existsSync(loader))
    cpSync(realpathSync(loader), join(folder, "lib", "libvulkan.so.1"));
  else console.log("bundle: no Vulkan loader here; the other machine must have libvulkan1");
}
const script = join(folder, "cryotile");
writeFileSync(
  script,
  `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib" exec "$here/bin/node" "$here/dist/src/app/cli.js" "$@"
`,
);
chmodSync(script, 0o755);
rmSync(archive, { force: true });
output("tar", ["-C", join(root, "build"), "-I", "xz -T0 -6", "-cf", archive, basename(folder)]);
console.log(
  `${relative(root, archive)}: ${(statSync(archive).size / 2 ** 20).toFixed(1)} MiB, version ${version}`,
);
