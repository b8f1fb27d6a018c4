import { cases, recorded } from "../compute.js";
import { sameSums } from "../model/puzzles.js";
import type { Prepared } from "../teach.worker.js";
import { decimal, fill, words } from "../text.js";

interface Compared {
  readonly error: number;
  readonly tolerance: number;
}

/** What an error means beside what is allowed. */
export function Verdict({ error, tolerance }: Compared) {
  const { verdicts } = words.room.agreement;
  const name = error === 0 ? "equal" : error <= tolerance ? "within" : "beyond";
  return (
    <span class={name === "beyond" ? "teach-origin teach-bad" : "teach-origin"} data-verdict={name}>
      {verdicts[name]}
    </span>
  );
}

/** How near the runtimes of this machine are to the reference on the case that is shown. */
export function Agreement({ all }: { readonly all: Prepared }) {
  const { agreement } = words.room;
  const { badges } = cases[all.data.name];
  const worst = (errors: Readonly<Record<string, number>>) => Math.max(...Object.values(errors));
  const told = (error: number) => decimal(error.toExponential(1));
  const rows: (Compared & { readonly text: string })[] = [];
  if (all.strategies !== undefined) {
    const error = Math.max(...Object.values(all.strategies).map((one) => one.error));
    rows.push({ error, tolerance: sameSums, text: fill(agreement.kernels, { error: told(error) }) });
  }
  if (all.data.name === "tiny" && recorded.value !== undefined) {
    const { runtime, device, date, errors, tolerance, agrees } = recorded.value;
    const error = worst(errors);
    const text = fill(agreement.recorded, {
      runtime,
      device,
      date,
      error: told(error),
      tolerance: decimal(String(tolerance)),
      rest: agrees ? agreement.agrees : agreement.differs,
    });
    rows.push({ error: agrees ? error : Number.POSITIVE_INFINITY, tolerance, text });
  }
  for (const badge of badges.value) {
    if ("reason" in badge) continue;
    const { runtime, device, errors, tolerance } = badge;
    const error = worst(errors);
    const values = { runtime, device, error: told(error), tolerance: decimal(String(tolerance)) };
    rows.push({ error, tolerance, text: fill(agreement.runtime, values) });
  }
  // One that is not a number stays so, and is beyond every tolerance.
  const farthest = Math.max(...rows.map(({ error, tolerance }) => error / tolerance));
  return (
    <details class="teach-details">
      <summary>
        {agreement.title} {rows.length > 0 && <Verdict error={farthest} tolerance={1} />}
      </summary>
      <ul>
        <li>{agreement.reference}</li>
        {rows.map(({ text, ...row }) => (
          <li key={text}>
            {text} <Verdict {...row} />
          </li>
        ))}
        {badges.value.map(
          (badge) => "reason" in badge && <li key={badge.runtime}>{fill(agreement.absent, { ...badge })}</li>,
        )}
      </ul>
    </details>
  );
}
