import { UnsupportedError } from "../errors.js";

/** Text of a file below shaders/wgsl, such as `common/pixels.wgsl`. */
export type ShaderLoader = (path: string) => string | Promise<string>;

/** A kernel read from its file: the code with its chunks, and what its declarations say. */
export interface KernelSource {
  readonly name: string;
  readonly code: string;
  /** Fields of `struct Params`, four bytes each, in order. */
  readonly params: readonly { readonly name: string; readonly type: "u32" | "i32" | "f32" }[];
  /** Storage buffers by binding number, from 1. */
  readonly buffers: readonly string[];
  readonly workgroupSize: number;
}

const include = /^\/\/#include (\S+)$/gm;

/** Read a kernel and the chunks that it includes (each once). */
export async function loadKernel(name: string, load: ShaderLoader): Promise<KernelSource> {
  const chunks = new Map<string, string>();
  const collect = async (path: string): Promise<void> => {
    if (chunks.has(path)) return;
    chunks.set(path, "");
    const text = await load(path);
    for (const [, wanted] of text.matchAll(include)) await collect(wanted);
    chunks.delete(path);
    chunks.set(path, text.replaceAll(include, ""));
  };
  await collect(`${name}.wgsl`);
  return describeKernel(name, [...chunks.values()].join("\n"));
}

function describeKernel(name: string, code: string): KernelSource {
  const fail = (problem: string): never => {
    throw new UnsupportedError(`kernel ${name}: ${problem}`);
  };
  const fields = /struct Params \{([^}]*)\}/.exec(code)?.[1] ?? fail("no struct Params");
  const params = [...fields.matchAll(/(\w+)\s*:\s*(\w+)/g)].map(([, field, type]) => {
    if (type !== "u32" && type !== "i32" && type !== "f32") return fail(`parameter ${field} is ${type}`);
    return { name: field, type } as const;
  });
  const buffers: string[] = [];
  for (const [, binding, buffer] of code.matchAll(/@binding\((\d+)\)\s*var<storage, read_write>\s*(\w+)/g))
    buffers[Number(binding) - 1] = buffer;
  const size = /@workgroup_size\((\d+)(?:u)?(?:,\s*(\d+))?\)/.exec(code) ?? fail("no workgroup size");
  return { name, code, params, buffers, workgroupSize: Number(size[1]) * Number(size[2] ?? 1) };
}
