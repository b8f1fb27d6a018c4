import { cases, recorded } from "../compute.js";
import type { Prepared } from "../teach.worker.js";
import { decimal, fill, words } from "../text.js";

/** How near the runtimes of this machine are to the reference on the case that is shown. */
export function Agreement({ all }: { readonly all: Prepared }) {
  const { agreement } = words.room;
  const { badges } = cases[all.data.name];
  const worst = (errors: readonly number[]) => decimal(Math.max(...errors).toExponential(1));
  return (
    <details class="teach-details">
      <summary>{agreement.title}</summary>
      <ul>
        <li>{agreement.reference}</li>
        {all.strategies !== undefined && (
          <li>
            {fill(agreement.kernels, {
              error: worst(Object.values(all.strategies).map(({ error }) => error)),
            })}
          </li>
        )}
        {all.data.name === "tiny" && recorded.value !== undefined && (
          <li>
            {fill(agreement.recorded, {
              runtime: recorded.value.runtime,
              device: recorded.value.device,
              date: recorded.value.date,
              error: worst(Object.values(recorded.value.errors)),
              tolerance: decimal(String(recorded.value.tolerance)),
              rest: recorded.value.agrees ? agreement.agrees : agreement.differs,
            })}
          </li>
        )}
        {badges.value.map((badge) => (
          <li key={badge.runtime}>
            {"reason" in badge
              ? fill(agreement.absent, badge)
              : fill(agreement.runtime, {
                  runtime: badge.runtime,
                  device: badge.device,
                  error: worst(Object.values(badge.errors)),
                  tolerance: decimal(String(badge.tolerance)),
                })}
          </li>
        ))}
      </ul>
    </details>
  );
}
