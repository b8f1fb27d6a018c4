import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** Top folder of the package, seen from the sources and from what is built of them. */
const root = ["../..", "../../.."]
  .map((up) => resolve(import.meta.dirname, up))
  .find((folder) => existsSync(join(folder, "package.json")));

/** A module (its source text, with imports such as "/src/formats/index.ts") as one script for a page. */
export async function bundle(entry: string): Promise<string> {
  const { build } = await import("vite");
  const result = await build({
    ...(root === undefined ? {} : { root }),
    configFile: false,
    logLevel: "error",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "virtual:entry" ? "\0entry" : undefined),
        load: (id) => (id === "\0entry" ? entry : undefined),
      },
    ],
    build: {
      write: false,
      rollupOptions: { input: "virtual:entry", output: { format: "iife" } },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !("output" in output)) throw new Error("vite made no bundle");
  return output.output[0].code;
}
