import type { Scope } from "../runtime/arena.js";
import type { Runtime } from "../runtime/contract.js";

/** `body` in a scope of its own, which ends however `body` does. */
export async function inScope<T>(runtime: Runtime, scope: Scope, body: () => Promise<T>): Promise<T> {
  runtime.push(scope);
  try {
    return await body();
  } finally {
    runtime.pop(scope);
  }
}
