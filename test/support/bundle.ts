import { resolve } from "node:path";
import { build } from "vite";

/** A module (its source text, with imports such as "/src/formats/index.ts") as one script for a page. */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    root: resolve(import.meta.dirname, "../.."),
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
