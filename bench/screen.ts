import { readFileSync } from "node:fs";
import type { BenchResult, BenchRow } from "./record.js";

interface ScreenCase {
  readonly name: string;
  /** Particles, orientations, translations, pixels. */
  readonly shape: readonly [number, number, number, number];
  readonly cublas_fp16_ms: number;
  readonly direct_ms?: number;
  /** Kernels: milliseconds by step, and of the whole pass. */
  readonly variants: Readonly<
    Record<string, { readonly ms: Readonly<Record<string, number>>; readonly whole: number }>
  >;
}

/** The coarse pass on tensor cores, as `native/cuda/bench/run.sh` measured it: `from` is the file that it wrote. */
export function benchScreen(from: string | undefined): BenchResult {
  if (from === undefined)
    throw new Error("bench screen: --from names the screen.json that native/cuda/bench/run.sh wrote");
  const { device, cases } = JSON.parse(readFileSync(from, "utf8")) as {
    device: string;
    cases: readonly ScreenCase[];
  };
  const rows = cases.flatMap(
    ({ name, shape: [i, o, t, k], cublas_fp16_ms: cublas, direct_ms: direct, variants }) =>
      Object.entries(variants).flatMap(([kernel, { ms, whole }]): BenchRow[] => {
        const product = ms.product + ms.energies;
        const goal = name === "target" && kernel !== "128";
        return [
          {
            name: `${name} (${o} x ${t} x ${k} px x ${i} particles), kernel ${kernel}: product, energies and epilogue, of the rate of cuBLAS fp16`,
            value: (100 * cublas) / product,
            unit: "%",
            ...(goal ? { goal: 60, better: "higher" as const } : {}),
          },
          {
            name: `${name}, kernel ${kernel}: whole pass with selection and rescoring`,
            value: whole,
            unit: "ms",
          },
          ...(direct === undefined
            ? []
            : [
                {
                  name: `${name}, kernel ${kernel}: whole pass against direct`,
                  value: direct / whole,
                  unit: "times faster",
                  ...(goal ? { goal: 50, better: "higher" as const } : {}),
                },
              ]),
        ];
      }),
  );
  return { rows, gpu: device, label: "cuda" };
}
