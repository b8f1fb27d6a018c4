import type { Agreement } from "../../src/runtime/verify/index.js";
import { servePage } from "./browser.js";

const entry = `
  import { openReference } from "/src/runtime/reference/index.ts";
  import { webGpuTolerances } from "/src/runtime/tolerances.ts";
  import { compareCase, contractCases } from "/src/runtime/verify/index.ts";
  import { openWebGpu } from "/src/runtime/webgpu/index.ts";
  import { loadShaderText, requestBrowserAdapter } from "/src/runtime/webgpu/browser.ts";
  window.verify = async (seed, operations) => {
    const gpu = await openWebGpu(await requestBrowserAdapter(), { loadShader: loadShaderText, bytes: 2 ** 27 });
    const reference = openReference();
    const all = contractCases(seed);
    const cases = operations?.map((operation) => all.find((one) => one.operation === operation)) ?? all;
    const rows = [];
    for (const test of cases) rows.push(await compareCase(test, reference, gpu, webGpuTolerances));
    const device = gpu.capabilities.device;
    await gpu.close();
    return { device, rows };
  };
`;

/** What WebGPU in a page found. */
export interface PageAgreement {
  readonly device: string;
  readonly rows: readonly Agreement[];
}

/** A page that compares WebGPU with the reference. */
export const serveContract = (): ReturnType<typeof servePage> => servePage(entry, false);

/** To be evaluated in that page: one case of each operation that is named, or every case. */
export const verifyInPage = (seed: number, operations?: readonly string[]): string =>
  `window.verify(${seed}, ${JSON.stringify(operations)})`;
