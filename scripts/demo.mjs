// `npm run demo`: simulates a small particle set of a built-in macromolecule and shows what was written.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const node = (...args) => {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
};
const cli = "dist/src/app/cli.js";

node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
node("scripts/finish-build.mjs");
node(cli, "simulate", "--builtin", "D2", "--n", "500", "--box", "64", "--o", "demo-output", "--overwrite");
node(cli, "info", "demo-output/particles.star", "demo-output/particles.mrcs");
