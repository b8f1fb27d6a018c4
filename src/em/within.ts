import type { Scope } from "../runtime/arena.js";
import type { Runtime } from "../runtime/contract.js";

/** Run `body` inside a scope of the device's memory that is closed however it ends, so that a failure is told and not the order of scopes. */
export async function within<T>(
  runtime: Pick<Runtime, "push" | "pop">,
  scope: Scope,
  body: () => Promise<T>,
): Promise<T> {
  runtime.push(scope);
  try {
    return await body();
  } finally {
    runtime.pop(scope);
  }
}
