import type { Runtime } from "../../src/runtime/contract.js";
import { centredGeometry, centredLength, makePixels } from "../../src/runtime/tables.js";

/** The status word after one view of the given value was back-projected. */
export async function backprojectionStatus(runtime: Runtime, value: number, unit: number): Promise<number> {
  runtime.push("job");
  try {
    const geometry = centredGeometry(8, 16, 8);
    const pixels = makePixels(runtime, 8, "shells");
    const put = (kind: "real" | "complex" | "index", name: string, values: number[]) => {
      const buffer = runtime.alloc(kind, name, kind === "complex" ? values.length / 2 : values.length);
      runtime.upload(buffer, values);
      return buffer;
    };
    const accumulator = runtime.alloc("accumulator", "accumulator", centredLength(geometry));
    await runtime.clear(accumulator);
    const status = put("index", "status", [0]);
    await runtime.backproject({
      numerator_vk: put("complex", "numerator", new Array(2 * pixels.count).fill(value)),
      weight_vk: put("real", "weight", new Array(pixels.count).fill(1)),
      matrices: put("real", "matrices", [1, 0, 0, 0, 1, 0, 0, 0, 1]),
      rows: 1,
      orientation_v: put("index", "orientations", [0]),
      count: 1,
      pixels,
      accumulator,
      geometry,
      unit,
      status,
    });
    return (await runtime.download(status))[0];
  } finally {
    runtime.pop("job");
  }
}
