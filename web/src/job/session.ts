import { basename } from "node:path";
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { proxy, type Remote, wrap } from "comlink";
import { counted } from "../../../src/app/report/numbers.js";
import { type JobRecord, RecordReader } from "../../../src/app/report/record.js";
import { parseEvent } from "../../../src/app/report/schema.js";
import { UserError } from "../../../src/errors.js";
import type { LiveTrace } from "../../../src/runtime/live-trace.js";
import type { RunModel } from "../view/model.js";
import { logName, StoredFolder } from "./folder.js";
import { type GivenFile, GivenFiles } from "./given-files.js";
import type { JobMessage, Outcome, StoredJob } from "./job.js";
import type { JobApi, Start } from "./job.worker.js";
import { began, ended, type Running } from "./running.js";
import type { RuntimeChoice } from "./words.js";

export type SessionState = "resting" | "running" | "paused" | "stopping" | "success" | "aborted" | "failure";

/** A job in this tab: one that runs here, or one that was stored. */
export class Session implements RunModel, Running {
  readonly state = signal<SessionState>("resting");
  readonly stage = signal<{ text: string; done: number; total: number } | undefined>(undefined);
  readonly notices = signal<readonly string[]>([]);
  readonly problem = signal<string | undefined>(undefined);
  readonly record = signal<JobRecord | undefined>(undefined);
  private readonly written = signal<{ maps: readonly string[]; data: string } | undefined>(undefined);
  readonly live = computed(() => ["running", "paused", "stopping"].includes(this.state.value));
  private reader = new RecordReader();
  private readonly held = new Map<string, Blob>();
  /** What the visitor gave for it in this visit. */
  private readonly input = signal<readonly GivenFile[]>([]);
  /** Where it runs, or ran last. */
  readonly runtime: Signal<RuntimeChoice>;
  /** Of the device, megabytes. */
  readonly memory: Signal<number>;
  private next: RuntimeChoice | undefined;
  private worker: { readonly api: Remote<JobApi>; readonly own: Worker } | undefined;

  readonly saved: ReadonlySignal<{ maps: readonly string[]; data: string } | undefined> = computed(() => {
    if (this.written.value !== undefined) return this.written.value;
    const last = this.record.value?.iterations.at(-1);
    return last && { maps: last.classes.map(({ map }) => map), data: last.files[0] };
  });

  constructor(
    readonly job: StoredJob,
    readonly stored: boolean,
  ) {
    this.runtime = signal(job.runtime);
    this.memory = signal(job.memory);
  }

  get given(): readonly GivenFile[] {
    return this.input.value;
  }

  /** @throws UserError where its particles are not among the files */
  give(files: readonly GivenFile[]): void {
    const { words } = this.job;
    const particles = words[words.indexOf("--i") + 1];
    if (new GivenFiles(files).find(particles) === undefined)
      throw new UserError(
        `${counted(files.length, "file")} without ${basename(particles)}: give the folder that it was read from`,
      );
    this.input.value = files;
  }

  /** Whether the visitor has to give its files again before it can go on. */
  get needsInput(): boolean {
    const { job, live, state, given } = this;
    return !live.value && state.value !== "success" && !job.inputStored && given.length === 0;
  }

  get name(): string {
    return this.job.title;
  }

  /** Read what an earlier run left. */
  async load(): Promise<void> {
    await this.read();
    const end = this.record.value?.end;
    if (end !== undefined) this.state.value = end.status;
    if (end?.status === "failure") this.problem.value = end.message;
  }

  private async read(): Promise<void> {
    const text = await (await this.file(logName)).text();
    this.reader = new RecordReader();
    for (const line of text.split("\n")) this.take(line);
    this.written.value = undefined;
    this.record.value = this.reader.record();
  }

  /** What the page makes for it before it begins. */
  private made: Pick<Start, "simulate" | "sphere"> = {};

  /** Begin. */
  begin(start: Omit<Start, "job" | "stored" | "held" | "goOn" | "keepInput">): Promise<void> {
    const { simulate, sphere } = start;
    this.made = { ...(simulate && { simulate }), ...(sphere && { sphere }) };
    return this.run({ ...start, goOn: false });
  }

  /** Go on from the last finished iteration, which another tab may have done meanwhile. */
  async goOn(runtime: RuntimeChoice, memory: number): Promise<void> {
    this.state.value = "running";
    if (this.stored && this.record.value !== undefined) {
      try {
        await this.read();
      } catch {
        this.problem.value = "What it wrote is not there any more; it was removed in another tab.";
        this.state.value = "failure";
        return;
      }
      if (this.record.value?.end?.status === "success") {
        this.problem.value = undefined;
        this.state.value = "success";
        return;
      }
    }
    return this.run({ ...this.made, given: this.given, runtime, memory, goOn: true });
  }

  private async run(start: Omit<Start, "job" | "stored" | "held" | "keepInput">): Promise<void> {
    const own = new Worker(new URL("./job.worker.ts", import.meta.url), { type: "module", name: "job" });
    const api = wrap<JobApi>(own);
    this.worker = { api, own };
    began(this);
    this.runtime.value = start.runtime;
    this.memory.value = start.memory;
    this.state.value = "running";
    this.problem.value = undefined;
    this.notices.value = [];
    const failed = new Promise<Outcome>((resolve) => {
      own.onerror = ({ message }) => resolve({ status: "failure", message: `the worker failed: ${message}` });
    });
    const work = api.run(
      {
        ...start,
        job: this.job,
        stored: this.stored,
        held: [...this.held],
        keepInput: this.job.inputStored && start.given.length > 0,
      },
      proxy((message: JobMessage) => this.hear(message)),
    );
    const outcome = await Promise.race([work, failed]).catch(
      (error: Error): Outcome => ({ status: "failure", message: error.message }),
    );
    own.terminate();
    this.worker = undefined;
    ended(this);
    this.stage.value = undefined;
    this.record.value = this.reader.record();
    if (outcome.status === "failure") this.problem.value = outcome.message;
    const { next } = this;
    this.next = undefined;
    if (next !== undefined && outcome.status === "aborted") return this.goOn(next, start.memory);
    this.state.value = outcome.status === "elsewhere" ? "resting" : outcome.status;
  }

  /** Go on elsewhere from the last finished iteration. */
  switchTo(runtime: RuntimeChoice): void {
    this.next = runtime;
    this.runtime.value = runtime;
    this.stop();
  }

  pause(): void {
    this.state.value = "paused";
    this.worker?.api.pause();
  }

  resume(): void {
    this.state.value = "running";
    this.worker?.api.resume();
  }

  stop(): void {
    this.state.value = "stopping";
    this.worker?.api.stop();
  }

  async trace(): Promise<LiveTrace | undefined> {
    return this.worker?.api.trace();
  }

  planned(): number | undefined {
    return [...(this.record.value?.plans.values() ?? [])].at(-1)?.peak;
  }

  async file(path: string): Promise<Blob> {
    const held = this.held.get(path);
    if (held !== undefined) return held;
    return (await StoredFolder.open(this.job.id)).file(path);
  }

  /** Files that the run has written, by name. */
  async files(): Promise<string[]> {
    const all = this.stored ? await (await StoredFolder.open(this.job.id)).list() : [...this.held.keys()];
    return all.filter((path) => !path.includes("/") && path !== "job.json").sort();
  }

  private hear(message: JobMessage): void {
    switch (message.kind) {
      case "stage":
        this.stage.value = message;
        return;
      case "event":
        this.stage.value = undefined;
        this.take(message.line);
        this.record.value = this.reader.record();
        return;
      case "saved":
        this.written.value = message;
        return;
      case "notice":
        this.notices.value = [...this.notices.value, message.text];
        return;
      case "file":
        this.held.set(message.path, message.file);
    }
  }

  private take(line: string): void {
    const event = parseEvent(line);
    if (event !== undefined) this.reader.add(event);
  }
}
