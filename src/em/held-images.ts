import type { DeviceBuffer, Runtime } from "../runtime/contract.js";
import type { ParticleSet } from "./particles.js";

type Shape = Pick<ParticleSet, "count" | "box">;

/** Room for the images of all particles: real [particle][y][x]. */
export const allocImages = (runtime: Runtime, { count, box }: Shape): DeviceBuffer =>
  runtime.alloc("real", "particle images", count * box ** 2);

/** The images of all particles, which stay on the device from one iteration to the next: outermost in its memory. */
export class HeldImages {
  private buffer: DeviceBuffer | undefined;
  private readonly here: Uint8Array;

  constructor(
    private readonly runtime: Runtime,
    private readonly set: Shape,
  ) {
    this.here = new Uint8Array(set.count);
  }

  /** [particle][y][x]; undefined while there is no room. */
  get stack(): DeviceBuffer | undefined {
    return this.buffer;
  }

  /** Make room, or give it back. In the outermost scope alone. */
  hold(wanted: boolean): void {
    if (wanted) this.buffer ??= allocImages(this.runtime, this.set);
    else if (this.buffer !== undefined) {
      this.runtime.free(this.buffer);
      this.buffer = undefined;
      this.here.fill(0);
    }
  }

  has(particles: readonly number[]): boolean {
    return this.buffer !== undefined && particles.every((p) => this.here[p] === 1);
  }

  /** Send images [i][y][x] of particles that are not there. */
  put(particles: readonly number[], images: Float32Array): void {
    if (this.buffer === undefined) throw new Error("no room for images");
    const area = this.set.box ** 2;
    for (let first = 0, end = 0; first < particles.length; first = end) {
      for (end = first + 1; end < particles.length && particles[end] === particles[end - 1] + 1; ) end++;
      this.runtime.upload(this.buffer, images.subarray(first * area, end * area), particles[first] * area);
    }
    for (const p of particles) this.here[p] = 1;
  }
}
