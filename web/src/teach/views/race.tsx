import { scoreStrategies } from "../../../../src/runtime/contract.js";
import { cpuTolerances, webGpuTolerances } from "../../../../src/runtime/tolerances.js";
import { Notice } from "../../shell/ui.js";
import { badges, bestRuntime, race, raceRuns, races } from "../compute.js";
import { countReads, totalReads } from "../model/counts.js";
import { median, type RaceSize, raceShape, raceSizes } from "../model/race.js";
import { Choice, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { bytesText, decimal, From, fill, words } from "../text.js";
import { Verdict } from "./agreement.js";
import { deviceName } from "./names.js";

export function RaceView({ state, update, all }: ViewProps & { readonly all: Prepared }) {
  const own = words.steps.race;
  const { size } = state;
  const chosen = state.runtime === "best" ? bestRuntime() : state.runtime;
  const shape = raceShape(size);
  const why = badges.value.find((badge) => badge.runtime === "webgpu" && "reason" in badge);
  const last = races.value[size];
  const found = last?.kind === chosen ? last : undefined;
  const rows = found?.rows ?? [];
  const running = raceRuns();
  const { bound } = (chosen === "cpu" ? cpuTolerances : webGpuTolerances).diff2Coarse;
  const slowest = Math.max(0, ...rows.map(({ times }) => median(times)));
  const mostRead = Math.max(
    ...scoreStrategies.map((strategy) => totalReads(countReads(strategy, shape, all.tiles)).bytes),
  );
  return (
    <div class="teach-stack">
      {why !== undefined && "reason" in why && <Notice>{fill(own.noWebGpu, { reason: why.reason })}</Notice>}
      <div class="teach-row">
        <Choice
          name={own.runtime}
          options={(["webgpu", "cpu"] as const).map((value) => ({ value, label: own.runtimes[value] }))}
          value={chosen}
          onChange={(runtime) => update({ runtime })}
        />
        <Choice
          name={own.size}
          options={(Object.keys(raceSizes) as RaceSize[]).map((value) => ({
            value,
            label: own.sizes[value],
          }))}
          value={size}
          onChange={(size) => update({ size })}
        />
        <button
          type="button"
          class="primary"
          disabled={running || chosen === undefined}
          onClick={() => {
            if (chosen !== undefined) race(chosen, size);
          }}
        >
          {running ? own.running : own.run}
        </button>
      </div>
      <p class="small quiet">
        {fill(own.work, { ...shape, scores: shape.particles * shape.orientations * shape.translations })}
      </p>
      <div class="teach-scroll">
        <table class="teach-reads" aria-live="polite">
          <thead>
            <tr>
              <th scope="col">{own.columns.kernels}</th>
              <th scope="col">
                {own.columns.read} <From origin="formula" />
              </th>
              <th scope="col">
                {own.columns.time} <From origin="measured" />
              </th>
              <th scope="col">{own.columns.error}</th>
            </tr>
          </thead>
          <tbody>
            {scoreStrategies.map((strategy) => {
              const { bytes } = totalReads(countReads(strategy, shape, all.tiles));
              const row = rows.find((one) => one.strategy === strategy);
              const time = row === undefined ? undefined : median(row.times);
              return (
                <tr key={strategy} data-strategy={strategy}>
                  <th scope="row">
                    {fill(own.strategies[strategy], { side: all.tiles.tiled.side })} <code>{strategy}</code>
                  </th>
                  <td>
                    {bytesText(bytes)}
                    <div class="teach-bar" aria-hidden="true">
                      <span style={{ width: `${(100 * bytes) / mostRead}%` }} />
                    </div>
                  </td>
                  <td>
                    {time === undefined
                      ? found?.running
                        ? "…"
                        : own.notMeasured
                      : `${decimal(time.toPrecision(3))} ms`}
                    <div class="teach-bar" aria-hidden="true">
                      <span
                        style={{ width: `${time === undefined ? 0 : (100 * time) / slowest}%` }}
                        class="teach-layout-grouped"
                      />
                    </div>
                  </td>
                  <td>{row === undefined ? "" : decimal(row.error.toExponential(1))}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {found?.device !== undefined && (
        <p role="status">
          {fill(own.ran, {
            device: deviceName(found),
            tolerance: decimal(String(bound)),
          })}{" "}
          <Verdict error={Math.max(...rows.map(({ error }) => error))} tolerance={bound} />
        </p>
      )}
      {found?.problem !== undefined && <Notice kind="problem">{found.problem}</Notice>}
    </div>
  );
}
