import type { NativeDevice } from "./addon.js";

/** Bytes of pinned memory through which uploads go, and the slots that it consists of. */
const slotBytes = 2 ** 23;
const slots = 4;
export const stagingBytes = slots * slotBytes;

/** Parts of an upload start at multiples of this. */
const alignment = 16;

/**
 * Uploads through pinned memory: values are converted into a slot and sent from there. A slot is used again when what was sent from it
 * has arrived.
 */
export class Staging {
  private slot = 0;
  private used = 0;
  private readonly marked: boolean[] = new Array(slots).fill(false);

  constructor(private readonly native: NativeDevice) {}

  /** Send numbers of `Target` to a place in the arena. */
  send(
    Target: typeof Float32Array | typeof Float64Array | typeof Uint32Array,
    values: ArrayLike<number>,
    to: number,
  ): void {
    const size = Target.BYTES_PER_ELEMENT;
    for (let first = 0; first < values.length; ) {
      if (slotBytes - this.used < size) this.next();
      const count = Math.min(values.length - first, Math.floor((slotBytes - this.used) / size));
      const at = this.slot * slotBytes + this.used;
      const part = new Target(this.native.staging, at, count);
      if (first === 0 && count === values.length) part.set(values);
      else if (ArrayBuffer.isView(values)) part.set((values as Float64Array).subarray(first, first + count));
      else for (let n = 0; n < count; n++) part[n] = values[first + n];
      this.native.upload(to + first * size, at, count * size);
      this.used = Math.min(slotBytes, Math.ceil((this.used + count * size) / alignment) * alignment);
      first += count;
    }
  }

  private next(): void {
    this.native.mark(this.slot);
    this.marked[this.slot] = true;
    this.slot = (this.slot + 1) % slots;
    this.used = 0;
    if (this.marked[this.slot]) this.native.awaitMark(this.slot);
  }
}
