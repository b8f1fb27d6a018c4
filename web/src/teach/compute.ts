import { signal } from "@preact/signals";
import { type Remote, wrap } from "comlink";
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
