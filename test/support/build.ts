import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/** Builds the package once before all suites, so that those that run the command line run what is in the tree. */
export default function build(): void {
  const root = resolve(import.meta.dirname, "../..");
  execFileSync(
    process.execPath,
    [resolve(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
  );
}
