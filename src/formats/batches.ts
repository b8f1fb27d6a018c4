import { UserError } from "../errors.js";
import { type MrcFile, openMrc } from "./mrc/index.js";
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
  /** Batches that are read ahead while the caller works on one. Default 1. */
  readonly ahead?: number;
  /** Files that are kept open. Default 16. */
  readonly openFiles?: number;
}

/** Open files, the least recently used closed first. */
class FileCache {
  private readonly files = new Map<string, Promise<MrcFile>>();

  constructor(
    private readonly open: (path: string) => Promise<ByteSource>,
    private readonly limit: number,
  ) {}

  async get(path: string): Promise<MrcFile> {
    const known = this.files.get(path);
    this.files.delete(path);
    const file = known ?? this.open(path).then((source) => openMrc(source));
    this.files.set(path, file);
    if (this.files.size > this.limit) {
      const [oldest] = this.files.keys();
      await this.drop(oldest as string);
    }
    return file;
  }

  async closeAll(): Promise<void> {
    for (const path of [...this.files.keys()]) await this.drop(path);
  }

  private async drop(path: string): Promise<void> {
    const file = this.files.get(path);
    this.files.delete(path);
    await file?.then(
      (opened) => opened.close(),
      () => {},
    );
  }
}

/**
 * The images of a list in batches, in order, read in the background while the caller works. Neighbours in a stack are read at once.
 * All images must have the size of the first. A failure is thrown at the batch that it belongs to; leaving the loop early closes all
 * files. `open` gives the bytes of a path, so that the same code reads files and browser `File`s.
 */
export async function* readImageBatches(
  images: readonly ImageName[],
  open: (path: string) => Promise<ByteSource>,
  options: BatchOptions,
): AsyncGenerator<ImageBatch, void, void> {
  const { batchSize, ahead = 1, openFiles = 16 } = options;
  if (!(Number.isInteger(batchSize) && batchSize > 0))
    throw new RangeError(`batch size ${batchSize} is not a positive integer`);
  const cache = new FileCache(open, openFiles);
  let size: { width: number; height: number; path: string } | undefined;

  const read = async (first: number): Promise<ImageBatch> => {
    const count = Math.min(batchSize, images.length - first);
    let pixels: Float32Array | undefined;
    for (let at = first; at < first + count; ) {
      const { path, index = 0 } = images[at] as ImageName;
      let run = 1;
      while (
        at + run < first + count &&
        images[at + run]?.path === path &&
        images[at + run]?.index === index + run
      )
        run++;
      const file = await cache.get(path);
      size ??= { width: file.width, height: file.height, path };
      if (file.width !== size.width || file.height !== size.height)
        throw new UserError(
          `${path}: images of ${file.width} x ${file.height} pixels, but those of ${size.path} have ${size.width} x ${size.height}`,
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
  let last: Promise<unknown> = Promise.resolve();
  const schedule = () => {
    if (next >= images.length) return;
    const first = next;
    next += batchSize;
    const batch = last.then(() => read(first));
    last = batch.catch(() => {});
    batch.catch(() => {});
    queue.push(batch);
  };
  try {
    for (let i = 0; i <= ahead; i++) schedule();
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const ready = await batch;
      schedule();
      yield ready;
    }
  } finally {
    await last;
    await cache.closeAll();
  }
}
