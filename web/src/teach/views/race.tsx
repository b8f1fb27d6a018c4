import { useState } from "preact/hooks";
import { scoreStrategies } from "../../../../src/runtime/contract.js";
import { webGpuTolerances } from "../../../../src/runtime/tolerances.js";
import { Notice } from "../../shell/ui.js";
import { badges, bestRuntime, race, races } from "../compute.js";
import { countReads, totalReads } from "../model/counts.js";
import { median, type RaceSize, raceShape, raceSizes } from "../model/race.js";
import { Choice, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { bytesText, From, number } from "../text.js";

const strategyWords = { direct: "plain sums", tiled: "tile of 32 × 32", gemm: "matrix products" } as const;

export function RaceView({ all }: ViewProps & { readonly all: Prepared }) {
  const [size, setSize] = useState<RaceSize>("small");
  const [runtime, setRuntime] = useState<"webgpu" | "cpu">();
  const chosen = runtime ?? bestRuntime();
  const shape = raceShape(size);
  const why = badges.value.find((badge) => badge.runtime === "webgpu" && "reason" in badge);
  const own = races.value[size];
  const found = own?.kind === chosen ? own : undefined;
  const rows = found?.rows ?? [];
  const running = Object.values(races.value).some((one) => one.running);
  const slowest = Math.max(0, ...rows.map(({ times }) => median(times)));
  const mostRead = Math.max(
    ...scoreStrategies.map((strategy) => totalReads(countReads(strategy, shape, all.tiles)).bytes),
  );
  return (
    <div class="teach-stack">
      {why !== undefined && "reason" in why && (
        <Notice>No WebGPU: {why.reason}. The cpu runtime runs instead.</Notice>
      )}
      <div class="teach-row">
        <Choice
          name="Runtime"
          options={[
            { value: "webgpu" as const, label: "WebGPU" },
            { value: "cpu" as const, label: "processor" },
          ]}
          value={chosen}
          onChange={setRuntime}
        />
        <Choice
          name="Size"
          options={(Object.keys(raceSizes) as RaceSize[]).map((value) => ({ value, label: value }))}
          value={size}
          onChange={setSize}
        />
        <button type="button" class="primary" disabled={running} onClick={() => race(chosen, size)}>
          {running ? "Running…" : "Run"}
        </button>
      </div>
      <p class="small quiet">
        {shape.particles} particles × {shape.orientations} orientations × {shape.translations} translations,{" "}
        {number(shape.pixels)} pixels: {number(shape.particles * shape.orientations * shape.translations)}{" "}
        scores.
      </p>
      <div class="teach-scroll">
        <table class="teach-reads" aria-live="polite">
          <thead>
            <tr>
              <th scope="col">kernels</th>
              <th scope="col">
                read from memory <From origin="formula" />
              </th>
              <th scope="col">
                time <From origin="measured" />
              </th>
              <th scope="col">error</th>
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
                    {strategyWords[strategy]} <code>{strategy}</code>
                  </th>
                  <td>
                    {bytesText(bytes)}
                    <div class="teach-bar" aria-hidden="true">
                      <span style={{ width: `${(100 * bytes) / mostRead}%` }} />
                    </div>
                  </td>
                  <td>
                    {time === undefined ? (running ? "…" : "not measured") : `${time.toPrecision(3)} ms`}
                    <div class="teach-bar" aria-hidden="true">
                      <span
                        style={{ width: `${time === undefined ? 0 : (100 * time) / slowest}%` }}
                        class="teach-layout-grouped"
                      />
                    </div>
                  </td>
                  <td>{row === undefined ? "" : row.error.toExponential(1)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {found?.device !== undefined && (
        <p role="status">
          Ran on {found.device}. Errors are relative to the float64 reference;{" "}
          {webGpuTolerances.diff2Coarse.bound} is allowed.
        </p>
      )}
      {found?.problem !== undefined && <Notice kind="problem">{found.problem}</Notice>}
    </div>
  );
}
