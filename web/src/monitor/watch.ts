import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { type JobRecord, RecordReader } from "../../../src/app/report/record.js";
import { parseEvent } from "../../../src/app/report/schema.js";
import type { RunModel } from "../view/model.js";
import { viewWorker } from "../view/viewer.js";
import type { JobSource } from "./source.js";

const logName = "events.jsonl";
let count = 0;
/** Milliseconds between looks. */
const interval = 1000;

/** A run in a folder: one that tells its events, or a RELION job, whose files are looked at. */
export class Watch implements RunModel {
  readonly record = signal<JobRecord | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  /** Minutes, whole ones, since a file of the run was written: one that was killed tells no end. */
  readonly quiet = signal(0);
  readonly live: ReadonlySignal<boolean>;
  readonly saved = computed(() => {
    const last = this.record.value?.iterations.at(-1);
    const data = last?.files.find((name) => name.endsWith("_data.star"));
    return last && { maps: last.classes.map(({ map }) => map), data: data ?? "" };
  });
  /** What is drawn of one run is not kept for another. */
  readonly key = count++;
  private reader = new RecordReader();
  private position = 0;
  /** A line that is not finished, and a letter that is not. */
  private rest = "";
  private text = new TextDecoder();
  private seen = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly source: JobSource) {
    this.live = computed(() => source.live && this.record.value?.end === undefined);
  }

  get name(): string {
    return this.source.name;
  }

  file(path: string): Promise<Blob> {
    return this.source.file(path);
  }

  async files(): Promise<string[]> {
    return (await this.source.list()).files.map(({ name }) => name).sort();
  }

  /** Look now, and again for as long as the run may change. */
  async start(): Promise<void> {
    try {
      await this.look();
      this.problem.value = undefined;
    } catch (error) {
      this.problem.value = (error as Error).message;
    }
    if (this.source.live && !this.closed) this.timer = setTimeout(() => this.start(), interval);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const { files, now } = await this.source.list();
    const written = files.reduce((last, { modified }) => Math.max(last, modified), 0);
    this.quiet.value = Math.floor((now - written) / 60);
    const log = files.find(({ name }) => name === logName);
    if (log !== undefined) {
      if (log.size < this.position) this.begin();
      if (log.size > this.position) await this.follow();
      // A run that begins has told nothing yet, or half a line.
      if (this.record.value === undefined && (!this.source.live || (this.position > 0 && this.rest === "")))
        throw new Error(`${logName} holds no start of a run.`);
      return;
    }
    if (!files.some(({ name }) => name.endsWith("_optimiser.star")))
      throw new Error("The folder holds no run: neither events.jsonl nor run_itNNN_optimiser.star.");
    const names = wanted(
      files.map(({ name }) => name),
      this.source.live,
    );
    const state = JSON.stringify(files.filter(({ name }) => names.includes(name)));
    if (state === this.seen) return;
    const open = async (name: string) => ({ name, file: await this.source.file(name) });
    // STAR files are small beside maps, and the worker asks for no others.
    const events = await viewWorker().relionEvents(files, await Promise.all(names.map(open)));
    this.begin();
    for (const event of events) this.reader.add(event);
    this.record.value = this.reader.record();
    this.seen = state;
  }

  private async follow(): Promise<void> {
    const part = await this.source.file(logName, this.position);
    this.position += part.size;
    const lines = (this.rest + this.text.decode(await part.arrayBuffer(), { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = parseEvent(line);
      if (event !== undefined) this.reader.add(event);
    }
    this.record.value = this.reader.record();
  }

  private begin(): void {
    this.reader = new RecordReader();
    this.position = 0;
    this.rest = "";
    this.text = new TextDecoder();
  }
}

/** STAR files that tell of iterations; from a server particles only of the last one, they are large. */
function wanted(names: readonly string[], live: boolean): string[] {
  const data = names.filter((name) => name.endsWith("_data.star") && /_it\d+_/.test(name)).sort();
  return [
    ...names.filter((name) => /_it\d+_.*(optimiser|model|sampling)\.star$/.test(name)),
    ...(live ? data.slice(-1) : data),
  ];
}
