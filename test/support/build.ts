import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

/** Builds the program and the page once before all suites, so that those that run them run what is in the tree. */
export default function build(): void {
  const root = resolve(import.meta.dirname, "../..");
  for (const [program, ...args] of [
    ["typescript/bin/tsc", "-p", "tsconfig.build.json"],
    ["vite/bin/vite.js", "build", "web", "--logLevel", "warn"],
  ])
    execFileSync(process.execPath, [resolve(root, "node_modules", program), ...args], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
}
