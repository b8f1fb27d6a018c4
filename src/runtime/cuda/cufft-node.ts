import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import type { CufftChoice } from "./cufft.js";

/** Those of CUDA 13, 12 and 11. */
const names = ["libcufft.so.12", "libcufft.so.11", "libcufft.so.10"];

/** Folders that toolkits, environments and Python packages put libraries in, under what the variables of the environment name. */
function folders(variables: NodeJS.ProcessEnv): string[] {
  const bases = new Set(
    [
      variables.CUDA_HOME,
      variables.CUDA_PATH,
      variables.VIRTUAL_ENV,
      variables.CONDA_PREFIX,
      ...(variables.PATH ?? "")
        .split(delimiter)
        .filter((folder) => basename(folder) === "bin")
        .map(dirname),
      "/usr/local/cuda",
      join(homedir(), ".local"),
    ].filter((base) => base !== undefined),
  );
  return [...bases].flatMap((base) => [join(base, "lib64"), join(base, "lib"), ...pythonFolders(base)]);
}

/** Where the Python packages of CUDA have the library. */
function pythonFolders(base: string): string[] {
  const lib = join(base, "lib");
  if (!existsSync(lib)) return [];
  return readdirSync(lib)
    .filter((name) => /^python3\.\d+$|^python3$/.test(name))
    .flatMap((name) =>
      ["site-packages", "dist-packages"].map((packages) => join(lib, name, packages, "nvidia")),
    )
    .flatMap((nvidia) => ["cu13", "cufft"].map((part) => join(nvidia, part, "lib")));
}

/**
 * Where cuFFT is looked for: `wanted` or CRYOTILE_CUFFT names a library, or says `find`: where the loader of the system and installers have
 * it. Undefined where neither says anything, or `none`.
 */
export function cufftChoice(
  wanted: string | undefined,
  variables: NodeJS.ProcessEnv = process.env,
): CufftChoice | undefined {
  const named = wanted ?? variables.CRYOTILE_CUFFT ?? "none";
  if (named === "none" || named === "") return undefined;
  if (named !== "find") return { libraries: [named], sought: named };
  const places = folders(variables);
  return {
    libraries: [
      ...names,
      ...names.flatMap((name) => places.map((folder) => join(folder, name)).filter(existsSync)),
    ],
    sought: `looked for ${names.join(", ")} where the loader looks, in CUDA_HOME, CUDA_PATH, /usr/local/cuda and beside the programs and Python packages of PATH`,
  };
}
