import { UserError } from "../errors.js";
import { type MrcFile, openMrc, splitKindSuffix } from "./mrc/index.js";
import type { ByteSource } from "./source.js";
import type { ImageName } from "./star/image-name.js";

/** Consecutive images of a list, decoded. */
export interface ImageBatch {
  /** Position of the first image in the list. */
  readonly first: number;
  readonly count: number;
  /** `count * width * height` values, image after image. */
  readonly pixels: Float32Array;
}

export interface BatchOptions {
  /** Images a batch. */
  readonly batchSize: number;
  /** Batches that are read ahead while the caller works on one; `ahead + 1` are in memory. Default 1. */
  readonly ahead?: number;
  /** Files that are open at the same time. Default 16. */
  readonly openFiles?: number;
  /** Width and height that images must have, pixels; left out, those of the first. */
  readonly box?: number;
}

/** Open files, the least recently used closed first. */
class FileCache {
  private readonly files = new Map<string, Promise<MrcFile>>();

  constructor(
    private readonly open: (path: string) => Promise<ByteSource>,
    private readonly limit: number,
  ) {}

  async get(name: string): Promise<MrcFile> {
    let file = this.files.get(name);
    if (file === undefined) {
      while (this.files.size >= this.limit) await this.drop(this.files.keys().next().value as string);
      const { path, kind } = splitKindSuffix(name);
      file = this.open(path).then((source) => openMrc(source, kind && { kind }));
    }
    this.files.delete(name);
    this.files.set(name, file);
    return file;
  }

  async closeAll(): Promise<void> {
    for (const path of [...this.files.keys()]) await this.drop(path);
  }

  private async drop(path: string): Promise<void> {
    const file = this.files.get(path);
    this.files.delete(path);
    // A file that could not be opened was reported to who asked for it.
    await file?.then(
      (opened) => opened.close(),
      () => {},
    );
  }
}

/**
 * The images of a list in batches, in order, read in the background while the caller works. Neighbours in a stack are read at once.
 * All images must have the size of the first. A failure is thrown at the batch that it belongs to. Leaving the loop early ends the
 * reading and closes all files. `open` gives the bytes of a path, so that the same code reads files and browser `File`s.
 */
export async function* readImageBatches(
  images: readonly ImageName[],
  open: (path: string) => Promise<ByteSource>,
  options: BatchOptions,
): AsyncGenerator<ImageBatch, void, void> {
  const { batchSize, ahead = 1, openFiles = 16, box } = options;
  for (const [name, value, least] of [
    ["batchSize", batchSize, 1],
    ["ahead", ahead, 0],
    ["openFiles", openFiles, 1],
  ] as const)
    if (!(Number.isInteger(value) && value >= least))
      throw new RangeError(`${name} is ${value}; a whole number of at least ${least} was expected`);
  const cache = new FileCache(open, openFiles);
  let size: { width: number; height: number; path: string } | undefined;

  const read = async (first: number): Promise<ImageBatch> => {
    const count = Math.min(batchSize, images.length - first);
    let pixels: Float32Array | undefined;
    for (let at = first; at < first + count; ) {
      const { path, index: number } = images[at] as ImageName;
      const index = number ?? 0;
      let run = 1;
      while (
        at + run < first + count &&
        images[at + run]?.path === path &&
        images[at + run]?.index === index + run
      )
        run++;
      const file = await cache.get(path);
      if (number === undefined && file.count > 1)
        throw new UserError(`${path}: has ${file.count} images; say which one, as in 000001@${path}`);
      const { width, height } = file;
      if (box !== undefined && (width !== box || height !== box))
        throw new UserError(
          `${path}: images of ${width === height ? width : `${width} x ${height}`} pixels, but rlnImageSize is ${box}`,
        );
      size ??= { width, height, path };
      if (width !== size.width || height !== size.height)
        throw new UserError(
          `${path}: images of ${width} x ${height} pixels, but those of ${size.path} have ${size.width} x ${size.height}`,
        );
      const area = size.width * size.height;
      pixels ??= new Float32Array(count * area);
      await file.readImages(index, run, pixels.subarray((at - first) * area, (at - first + run) * area));
      at += run;
    }
    return { first, count, pixels: pixels as Float32Array };
  };

  // One reader works through the list, so batches are read in order and files are opened once.
  const queue: Promise<ImageBatch>[] = [];
  let next = 0;
  let stopped = false;
  let last: Promise<unknown> = Promise.resolve();
  const schedule = () => {
    const first = next;
    next += batchSize;
    const batch = last.then(() => {
      if (stopped) throw new Error("nobody waits for this batch");
      return read(first);
    });
    last = batch.catch(() => {});
    queue.push(batch);
  };
  try {
    for (;;) {
      while (queue.length <= ahead && next < images.length) schedule();
      const batch = queue.shift();
      if (batch === undefined) return;
      yield await batch;
    }
  } finally {
    stopped = true;
    await last;
    await cache.closeAll();
  }
}
