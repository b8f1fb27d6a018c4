/// <reference types="vite/client" />
import { UnsupportedError } from "../errors.js";
import type { ShaderLoader } from "./shader.js";

const sources = import.meta.glob<string>("../../../shaders/wgsl/**/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** Kernels as the bundler packed them with the page. */
export const loadShaderText: ShaderLoader = (path) => {
  const source = sources[`../../../shaders/wgsl/${path}`];
  if (source === undefined) throw new UnsupportedError(`the page was built without the kernel ${path}`);
  return source;
};

/** The page's WebGPU adapter, or why there is none. Works in windows and workers. */
export async function requestBrowserAdapter(): Promise<GPUAdapter> {
  if (navigator.gpu === undefined)
    throw new UnsupportedError(
      isSecureContext
        ? "this browser has no WebGPU; use a recent Chrome, Edge, Firefox or Safari"
        : "WebGPU needs a secure page: open it by https, or from localhost",
    );
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null)
    throw new UnsupportedError(
      "the browser found no graphics card that WebGPU can use; see chrome://gpu or about:support",
    );
  return adapter;
}
