import type { DeviceBuffer, Runtime } from "../runtime/contract.js";
import type { BatchChoice } from "./iteration.js";
import type { HostSums } from "./maximisation.js";
import type { ParticleState } from "./particles.js";
import type { IterationReport } from "./run-iteration.js";
import type { SavedSums } from "./sums.js";
import { workTime } from "./work-clock.js";

/** What the batches of an iteration have come to so far, on the host. */
export interface Checkpoint {
  readonly iteration: number;
  /** Half set that is under way, and how many of its particles are done. */
  readonly half: number;
  readonly done: number;
  /** New state of the particles that are done. */
  readonly particles: ParticleState;
  /** Sums of every half set so far, and those of the device of half sets that are finished. */
  readonly parameters: readonly SavedSums[];
  readonly finished: readonly HostSums[];
  readonly counts: Pick<IterationReport, "limited" | "weightBytes" | "screen" | "done">;
}

/** Numbers of the buffers that add up from batch to batch. */
type DeviceSums = Awaited<ReturnType<Runtime["download"]>>[];

/** Shortest time between two checkpoints, ms; taking them may cost this share of the time; and what they may take on the host, bytes. */
const usual = { interval: 10_000, share: 0.02, mostBytes: 2 ** 29 };
/** Bytes that are read back at a time: a device that is nearly full has no room for more. */
const pieceBytes = 2 ** 24;

/**
 * The last checkpoint of a run. A device that is lost takes what it has summed with it; with the same device opened again an iteration goes on
 * after the last batch that is in here, to the same bytes: buffers are kept as they are, and the batches that are left are the same ones.
 */
export class Checkpoints {
  private last: { readonly key: string; readonly state: Checkpoint; readonly sums: DeviceSums } | undefined;
  private taken = workTime();
  private cost = 0;
  private readonly limits: typeof usual;

  constructor(limits: Partial<typeof usual> = {}) {
    this.limits = { ...usual, ...limits };
  }

  /** What is kept. */
  get at(): Checkpoint | undefined {
    return this.last?.state;
  }

  /** The checkpoint of an iteration, where the buffers of `runtime` and `batch` are those that it was taken of; any other one is dropped. */
  find(iteration: number, runtime: Runtime, batch: BatchChoice): Checkpoint | undefined {
    this.taken = workTime();
    const { last } = this;
    if (last?.state.iteration === iteration && last.key === keyOf(runtime, batch)) return last.state;
    this.last = undefined;
    return undefined;
  }

  /** Whether it is time for one. */
  due(buffers: readonly DeviceBuffer[]): boolean {
    const { interval, share, mostBytes } = this.limits;
    const bytes = buffers.reduce((sum, { block }) => sum + block.bytes, 0);
    return bytes <= mostBytes && workTime() - this.taken >= Math.max(interval, this.cost / share);
  }

  /** Read the buffers back and keep them with `state`. */
  async take(
    runtime: Runtime,
    batch: BatchChoice,
    buffers: readonly DeviceBuffer[],
    state: Checkpoint,
  ): Promise<void> {
    const begun = workTime();
    const sums: DeviceSums = [];
    for (const buffer of buffers) sums.push(await read(runtime, buffer));
    this.last = { key: keyOf(runtime, batch), state, sums };
    this.taken = workTime();
    this.cost = this.taken - begun;
  }

  /** Write the buffers of the last checkpoint to the device. */
  restore(runtime: Runtime, buffers: readonly DeviceBuffer[]): void {
    if (this.last?.sums.length !== buffers.length) throw new Error("the checkpoint has other buffers");
    for (const [at, values] of this.last.sums.entries()) runtime.upload(buffers[at], values);
  }
}

/** What the lengths and the meaning of the buffers depend on besides the input of the iteration. */
const keyOf = ({ name, capabilities }: Runtime, { keep }: BatchChoice): string =>
  [name, capabilities.device, capabilities.maxBufferBytes, keep].join("; ");

async function read(runtime: Runtime, buffer: DeviceBuffer): Promise<DeviceSums[number]> {
  const { kind, block } = buffer;
  const bytes = kind === "index" ? 4 : runtime.layout.elementBytes.real;
  const numbers = block.bytes / bytes;
  const each = Math.min(numbers, pieceBytes / bytes);
  let all: DeviceSums[number] | undefined;
  for (let first = 0; first < numbers; first += each) {
    const piece = await runtime.download(buffer, first, Math.min(each, numbers - first));
    if (numbers === each) return piece;
    all ??= new (piece.constructor as Float32ArrayConstructor)(numbers);
    all.set(piece, first);
  }
  return all ?? new Float32Array(0);
}
