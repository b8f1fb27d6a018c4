import { signal } from "@preact/signals";
import { proxy, type Remote, wrap } from "comlink";
import type { RaceRow, RaceSize } from "./model/race.js";
import type { Badge, Prepared, TeachApi } from "./teach.worker.js";

let started: Remote<TeachApi> | undefined;

/** The worker that computes for this room, started when it is first asked. */
export function compute(): Remote<TeachApi> {
  started ??= wrap<TeachApi>(
    new Worker(new URL("./teach.worker.ts", import.meta.url), { type: "module", name: "teach" }),
  );
  return started;
}

/** The small case, once it is there; and what went wrong instead. */
export const prepared = signal<Prepared | undefined>(undefined);
export const problem = signal<string | undefined>(undefined);

/** Agreement of this machine's runtimes with the reference, or why there is none. */
export const badges = signal<
  readonly (Badge | { readonly runtime: "webgpu" | "cpu"; readonly reason: string })[]
>([]);

let preparing = false;
export async function prepare(): Promise<void> {
  if (preparing) return;
  preparing = true;
  try {
    prepared.value = await compute().prepare();
  } catch (error) {
    problem.value = (error as Error).message;
    return;
  }
  for (const kind of ["cpu", "webgpu"] as const)
    try {
      const badge = await compute().badge(kind);
      badges.value = [...badges.value, badge];
    } catch (error) {
      badges.value = [...badges.value, { runtime: kind, reason: (error as Error).message }];
    }
}

export interface Race {
  readonly kind: "webgpu" | "cpu";
  readonly running: boolean;
  readonly rows: readonly RaceRow[];
  readonly device?: string;
  readonly problem?: string;
}

/** What was measured on this machine, by size. */
export const races = signal<Readonly<Partial<Record<RaceSize, Race>>>>({});

/** WebGPU where this browser has it. */
export const bestRuntime = (): "webgpu" | "cpu" =>
  badges.value.some((badge) => badge.runtime === "webgpu" && "device" in badge) ? "webgpu" : "cpu";

/** Time the three strategies. */
export async function race(kind: "webgpu" | "cpu", size: RaceSize): Promise<void> {
  const tell = (race: Omit<Race, "kind">) => {
    races.value = { ...races.value, [size]: { kind, ...race } };
  };
  let rows: readonly RaceRow[] = [];
  tell({ running: true, rows });
  try {
    const onRow = proxy((row: RaceRow) => {
      rows = [...rows, row];
      tell({ running: true, rows });
    });
    const { device, software } = await compute().race(kind, size, onRow);
    tell({
      running: false,
      rows,
      device: software ? `${device}, a processor that plays a graphics card` : device,
    });
  } catch (error) {
    tell({ running: false, rows, problem: (error as Error).message });
  }
}
