import { proxy } from "comlink";
import { useState } from "preact/hooks";
import { coarseStrategies } from "../../../../src/runtime/contract.js";
import { webGpuTolerances } from "../../../../src/runtime/tolerances.js";
import { Notice } from "../../shell/ui.js";
import { badges, compute } from "../compute.js";
import { countReads, totalReads } from "../model/counts.js";
import { median, type RaceRow, type RaceSize, raceShape, raceSizes } from "../model/race.js";
import { Choice, type ViewProps } from "../parts.js";
import type { Prepared } from "../teach.worker.js";
import { bytesText, From, number } from "../text.js";

const strategyWords = { direct: "plain sums", tiled: "tile of 32 × 32", gemm: "matrix products" } as const;

export function RaceView({ all }: ViewProps & { readonly all: Prepared }) {
  const hasGpu = badges.value.some((badge) => badge.runtime === "webgpu" && "device" in badge);
  const [size, setSize] = useState<RaceSize>("small");
  const [runtime, setRuntime] = useState<"webgpu" | "cpu">();
  const [rows, setRows] = useState<readonly RaceRow[]>([]);
  const [device, setDevice] = useState<string>();
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<string>();
  const chosen = runtime ?? (hasGpu ? "webgpu" : "cpu");
  const shape = raceShape(size);
  const why = badges.value.find((badge) => badge.runtime === "webgpu" && "reason" in badge);
  const start = async () => {
    setRunning(true);
    setRows([]);
    setDevice(undefined);
    setProblem(undefined);
    try {
      const found = await compute().race(
        chosen,
        size,
        proxy((row: RaceRow) => setRows((before) => [...before, row])),
      );
      setDevice(found.software ? `${found.device}, a processor that plays a graphics card` : found.device);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setRunning(false);
  };
  const slowest = Math.max(0, ...rows.map(({ times }) => median(times)));
  const mostRead = Math.max(
    ...coarseStrategies.map((strategy) => totalReads(countReads(strategy, shape, all.tiles)).bytes),
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
          onChange={(value) => {
            setSize(value);
            setRows([]);
          }}
        />
        <button type="button" class="primary" disabled={running} onClick={start}>
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
            {coarseStrategies.map((strategy) => {
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
      {device !== undefined && (
        <p role="status">
          Ran on {device}. Errors are relative to the float64 reference; {webGpuTolerances.diff2Coarse.bound}{" "}
          is allowed.
        </p>
      )}
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
    </div>
  );
}
