import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/**
 * Builds the package and the page once before all suites, so that those that run them run what is in the tree; and the CUDA addon with its
 * emulated driver where there is a C++ compiler.
 */
export default function build(): void {
  const root = resolve(import.meta.dirname, "../..");
  const run = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  run(resolve(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json");
  run(resolve(root, "node_modules/vite/bin/vite.js"), "build", "web", "--logLevel", "warn");
  if (process.platform === "linux") run("scripts/build-cuda.mjs", "--emulator", "--no-kernels", "--optional");
}
