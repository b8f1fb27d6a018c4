import type { CentredArray, Runtime } from "../runtime/contract.js";
import { put } from "../runtime/tables.js";
import type { Model } from "./model.js";
import { allocProjector, fillProjector } from "./reference.js";
import { within } from "./within.js";

/** The references of an iteration as projectors on the device, in an iteration scope that `close` ends. */
export class DeviceReferences {
  private constructor(
    readonly runtime: Runtime,
    readonly projector: CentredArray,
    /** Power spectrum of each reference: tau2 where there is no FSC. */
    readonly tau2: readonly Float64Array[],
  ) {}

  /** The first `classes` references up to `currentSize`, without what is coarser than `strictLowresExp` (Angstrom). */
  static async open(
    runtime: Runtime,
    model: Model,
    classes: number,
    currentSize: number,
    strictLowresExp?: number,
  ): Promise<DeviceReferences> {
    const { box, padding } = model;
    const lowest =
      strictLowresExp === undefined ? 0 : Math.floor((box * model.pixelSize) / strictLowresExp + 0.5);
    runtime.push("iteration");
    const projector = allocProjector(runtime, box, padding, currentSize, classes);
    const tau2: Float64Array[] = [];
    for (let slot = 0; slot < classes; slot++) {
      const power = await within(runtime, "job", () => {
        const map = put(runtime, "real", "reference", model.classes[slot].map);
        return fillProjector(runtime, map, box, projector, slot, lowest);
      });
      tau2.push(power);
    }
    return new DeviceReferences(runtime, projector, tau2);
  }

  close(): void {
    this.runtime.pop("iteration");
  }
}
