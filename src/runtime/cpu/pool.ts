/** A kernel of the module: works on the items first .. end - 1. */
export type Kernel = (params: number, first: number, end: number) => void;

/** What a thread needs to take part: the module on the shared memory, and places in it. */
export interface ThreadSetup {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Names of the kernels, in the order that their numbers refer to. */
  readonly names: readonly string[];
  readonly control: number;
  readonly params: number;
  /** Where the stack of the thread begins: it grows downwards. */
  readonly stack: number;
}

/** A running worker. `ready` rejects where it could not start. */
export interface WorkerHandle {
  readonly ready: Promise<void>;
  terminate(): Promise<void>;
}
/** Starts a worker that runs `source`, the text of a function of (setup, post), with `setup`; `post` says that it is ready. */
export type StartWorker = (source: string, setup: ThreadSetup) => WorkerHandle;

/** Bytes of the words through which threads agree, an error message included. */
export const controlBytes = 1024;

/** Kernels of the module for one thread. Part of the text of workers: refers to nothing outside. */
function instantiate({ module, memory, names, stack }: ThreadSetup): Kernel[] {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports.__stack_pointer as WebAssembly.Global).value = stack;
  return names.map((name) => exports[name] as Kernel);
}

/*
 * Words: 0 number of commands so far, 1 state (bit 30: open, the rest: workers that take part), 2 next item, 3 items, 4 items of a part,
 * 5 kernel, 6 length of the error message in words 8 ...
 */

/** Work on parts of the command until none is left. Part of the text of workers. */
function takeParts(words: Int32Array, kernels: readonly Kernel[], params: number): void {
  const [items, part, kernel] = [words[3], words[4], kernels[words[5]]];
  for (;;) {
    const first = Atomics.add(words, 2, part);
    if (first >= items) return;
    kernel(params, first, Math.min(first + part, items));
  }
}

/** A worker: joins commands that are open, for ever. Its text runs in the worker. */
function serve(
  setup: ThreadSetup,
  post: () => void,
  start: typeof instantiate,
  work: typeof takeParts,
): void {
  const open = 1 << 30;
  const words = new Int32Array(setup.memory.buffer, setup.control, 256);
  const kernels = start(setup);
  post();
  for (let seen = 0; ; ) {
    for (let spin = 0; spin < 500 && Atomics.load(words, 0) === seen; spin++);
    Atomics.wait(words, 0, seen);
    seen = Atomics.load(words, 0);
    for (;;) {
      const state = Atomics.load(words, 1);
      if ((state & open) === 0) break;
      if (Atomics.compareExchange(words, 1, state, state + 1) !== state) continue;
      try {
        work(words, kernels, setup.params);
      } catch (error) {
        // What is left is not begun; the caller throws the message.
        Atomics.store(words, 2, words[3]);
        const message = String(error).slice(0, 240);
        for (let at = 0; at < message.length; at++) words[8 + at] = message.charCodeAt(at);
        Atomics.store(words, 6, message.length);
      }
      if (Atomics.sub(words, 1, 1) === 1) Atomics.notify(words, 1);
      break;
    }
  }
}

/** The text that a worker runs: a function of (setup, post). */
const workerSource = (): string =>
  `(setup, post) => (${serve.toString()})(setup, post, ${instantiate.toString()}, ${takeParts.toString()})`;

/** Threads that share the items of one command at a time: the calling thread and its workers. */
export class Pool {
  private readonly open = 1 << 30;
  private readonly words: Int32Array;
  private readonly kernels: readonly Kernel[];
  private readonly params: number;
  private readonly workers: WorkerHandle[] = [];
  /** Whether this thread may sleep: the page's own thread may not. */
  private sleeps = true;

  private constructor(setup: ThreadSetup) {
    this.words = new Int32Array(setup.memory.buffer, setup.control, controlBytes / 4);
    this.params = setup.params;
    this.kernels = instantiate(setup);
  }

  /** `stacks`: one a thread, the caller's first. */
  static async start(
    setup: Omit<ThreadSetup, "stack">,
    stacks: readonly number[],
    startWorker: StartWorker | undefined,
  ): Promise<Pool> {
    const pool = new Pool({ ...setup, stack: stacks[0] });
    if (startWorker !== undefined)
      for (const stack of stacks.slice(1))
        pool.workers.push(startWorker(workerSource(), { ...setup, stack }));
    try {
      await Promise.all(pool.workers.map(({ ready }) => ready));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  get threads(): number {
    return 1 + this.workers.length;
  }

  /** Run a kernel on `items` items in parts of `part`; returns when all are done. */
  run(kernel: number, items: number, part: number): void {
    if (this.workers.length === 0 || items <= part) {
      this.kernels[kernel](this.params, 0, items);
      return;
    }
    const { words } = this;
    words[3] = items;
    words[4] = part;
    words[5] = kernel;
    Atomics.store(words, 2, 0);
    Atomics.store(words, 1, this.open);
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
    try {
      takeParts(words, this.kernels, this.params);
    } finally {
      // Nothing is left to begin, or an error stops the others.
      Atomics.store(words, 2, items);
      this.join();
    }
    const length = Atomics.load(words, 6);
    if (length > 0)
      throw new Error(`a worker failed: ${String.fromCharCode(...words.subarray(8, 8 + length))}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
  }

  /** Close the command and wait for those who take part. */
  private join(): void {
    const { words } = this;
    Atomics.and(words, 1, ~this.open);
    for (let spin = 0; spin < 500 && Atomics.load(words, 1) !== 0; spin++);
    for (let left = Atomics.load(words, 1); left !== 0; left = Atomics.load(words, 1)) {
      if (!this.sleeps) continue;
      try {
        Atomics.wait(words, 1, left);
      } catch {
        this.sleeps = false;
      }
    }
  }
}
