import { signal } from "@preact/signals";
import { proxy, type Remote, wrap } from "comlink";
import type { CaseName } from "../../../src/app/small-case/recipes.js";
import type { Selection } from "../../../src/app/small-case/select.js";
import type { RaceRow, RaceSize } from "./model/race.js";
import type { Badge, Prepared, RecordedRun, TeachApi } from "./teach.worker.js";

let started: Remote<TeachApi> | undefined;

/** The worker that computes for this room, started when it is first asked. */
export function compute(): Remote<TeachApi> {
  started ??= wrap<TeachApi>(
    new Worker(new URL("./teach.worker.ts", import.meta.url), { type: "module", name: "teach" }),
  );
  return started;
}

type Agreement = Badge | { readonly runtime: "webgpu" | "cpu"; readonly reason: string };

const ofCase = () => ({
  /** The case, once it is there; and what went wrong instead. */
  prepared: signal<Prepared | undefined>(undefined),
  problem: signal<string | undefined>(undefined),
  /** Agreement of this machine's runtimes with the reference, or why there is none. */
  badges: signal<readonly Agreement[]>([]),
  asked: false,
});
export const cases: Readonly<Record<CaseName, ReturnType<typeof ofCase>>> = {
  tiny: ofCase(),
  box64: ofCase(),
};
export const { badges } = cases.tiny;

/** The small case as a graphics card computed it with CUDA. */
export const recorded = signal<RecordedRun | undefined>(undefined);

/** Have a case computed, the first time that it is asked for. */
export async function prepare(name: CaseName): Promise<void> {
  const own = cases[name];
  if (own.asked) return;
  own.asked = true;
  try {
    own.prepared.value = await compute().prepare(name);
  } catch (error) {
    own.problem.value = (error as Error).message;
    return;
  }
  if (name === "tiny") recorded.value = await compute().recorded();
  for (const kind of ["cpu", "webgpu"] as const)
    try {
      const badge = await compute().badge(kind, name);
      own.badges.value = [...own.badges.value, badge];
    } catch (error) {
      own.badges.value = [...own.badges.value, { runtime: kind, reason: (error as Error).message }];
    }
}

let latest = 0;
let selecting: Promise<unknown> = Promise.resolve();
/** The selection of a case; undefined where another was asked for before this one began: a slider asks faster than a worker answers. */
export function selectLatest(name: CaseName, fraction: number): Promise<Selection | undefined> {
  latest++;
  const own = latest;
  const found = selecting.then(() => (own === latest ? compute().select(name, fraction) : undefined));
  selecting = found.catch(() => undefined);
  return found;
}

export interface Race {
  readonly kind: "webgpu" | "cpu";
  readonly running: boolean;
  readonly rows: readonly RaceRow[];
  readonly device?: string;
  /** The device is a processor that plays a graphics card. */
  readonly software?: boolean;
  readonly problem?: string;
}

/** What was measured on this machine, by size. */
export const races = signal<Readonly<Partial<Record<RaceSize, Race>>>>({});

/** Whether anything is measured now: two at once would slow each other. */
export const raceRuns = (): boolean => Object.values(races.value).some((one) => one.running);

/** WebGPU where this browser has it; undefined until that is known. */
export const bestRuntime = (): "webgpu" | "cpu" | undefined => {
  const found = Object.values(cases)
    .flatMap((own) => own.badges.value)
    .find(({ runtime }) => runtime === "webgpu");
  return found === undefined ? undefined : "device" in found ? "webgpu" : "cpu";
};

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
    tell({ running: false, rows, device, software });
  } catch (error) {
    tell({ running: false, rows, problem: (error as Error).message });
  }
}
