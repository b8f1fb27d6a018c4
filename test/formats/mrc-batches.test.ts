import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.js";
import { readImageBatches } from "../../src/formats/batches.js";
import { bytesSource } from "../../src/formats/source.js";
import { makeMrc } from "../fuzz/mrc.js";

describe("batches", () => {
  const stacks = new Map<string, Uint8Array>(
    ["a", "b", "c"].map((name, s) => {
      const values = Float32Array.from({ length: 10 * 4 }, (_, i) => s * 100 + Math.floor(i / 4));
      return [
        `${name}.mrcs`,
        makeMrc({ size: [2, 2, 10], mode: 2, data: new Uint8Array(values.buffer) }),
      ] as const;
    }),
  );
  const openAs = (log: string[]) => async (path: string) => {
    const bytes = stacks.get(path);
    if (bytes === undefined) throw new UserError(`${path}: no such file`);
    log.push(`open ${path}`);
    const source = bytesSource(bytes, path);
    return { ...source, close: async () => void log.push(`close ${path}`) };
  };

  test("any list comes back in order, however it is batched, and files are closed", async () => {
    const image = fc.record({ path: fc.constantFrom("a.mrcs", "b.mrcs", "c.mrcs"), index: fc.nat(9) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(image, { maxLength: 40 }),
        fc.record({
          batchSize: fc.integer({ min: 1, max: 12 }),
          ahead: fc.nat(3),
          openFiles: fc.integer({ min: 1, max: 4 }),
        }),
        async (images, options) => {
          const log: string[] = [];
          const seen: number[] = [];
          for await (const batch of readImageBatches(images, openAs(log), options)) {
            expect(batch.first).toBe(seen.length);
            for (let i = 0; i < batch.count; i++) seen.push(batch.pixels[i * 4 + 3]);
          }
          expect(seen).toEqual(
            images.map(({ path, index }) => "abc".indexOf(path[0] as string) * 100 + index),
          );
          expect(log.filter((line) => line.startsWith("close")).length).toBe(
            log.filter((line) => line.startsWith("open")).length,
          );
        },
      ),
    );
  });

  test("a missing file is thrown at its batch; leaving early closes everything", async () => {
    const images = [..."aabbx"].map((name, index) => ({ path: `${name}.mrcs`, index }));
    const log: string[] = [];
    const firsts: number[] = [];
    await expect(async () => {
      for await (const batch of readImageBatches(images, openAs(log), { batchSize: 2, ahead: 2 }))
        firsts.push(batch.first);
    }).rejects.toThrow("x.mrcs: no such file");
    expect(firsts).toEqual([0, 2]);
    for await (const _ of readImageBatches(images.slice(0, 4), openAs(log), { batchSize: 1 })) break;
    expect(log.filter((line) => line.startsWith("close")).length).toBe(
      log.filter((line) => line.startsWith("open")).length,
    );
  });

  const numbered = (count: number, path = "a.mrcs") =>
    Array.from({ length: count }, (_, index) => ({ path, index }));

  test("no more batches are read ahead than asked for, none after leaving", async () => {
    for (const ahead of [0, 1, 3]) {
      const read: number[] = [];
      const open = async (path: string) => {
        const source = await openAs([])(path);
        return {
          ...source,
          readInto: (target: Uint8Array, at: number) => {
            if (target.length > 0 && at >= 1024) read.push((at - 1024) / 16);
            return source.readInto(target, at);
          },
        };
      };
      const batches = readImageBatches(numbered(10), open, { batchSize: 1, ahead });
      const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
      await batches.next();
      await settle();
      const first = Array.from({ length: ahead + 1 }, (_, i) => i);
      expect(read).toEqual(first);
      await batches.next();
      await settle();
      expect(read).toEqual([...first, ahead + 1]);
      await batches.return();
      await settle();
      expect(read.length).toBe(ahead + 2);
    }
  });

  test("no more files are open than allowed, and refused ones are closed", async () => {
    let now = 0;
    let most = 0;
    const open = async (path: string) => {
      most = Math.max(most, ++now);
      const bytes = path === "bad.mrcs" ? new Uint8Array(10) : (stacks.get("a.mrcs") as Uint8Array);
      return { ...bytesSource(bytes, path), close: async () => void now-- };
    };
    const images = Array.from({ length: 12 }, (_, i) => ({ path: `${i % 5}.mrcs`, index: 0 }));
    for await (const _ of readImageBatches(images, open, { batchSize: 5, openFiles: 2 }));
    expect([most, now]).toEqual([2, 0]);
    const bad = readImageBatches([{ path: "bad.mrcs", index: 0 }], open, { batchSize: 1 });
    await expect(bad.next()).rejects.toThrow(/too few for an MRC header/);
    expect(now).toBe(0);
  });

  test("suffixes are not part of the path; a stack without a number is refused", async () => {
    const log: string[] = [];
    for await (const batch of readImageBatches(numbered(2, "a.mrcs:mrcs"), openAs(log), { batchSize: 2 }))
      expect(batch.pixels[7]).toBe(1);
    expect(log).toEqual(["open a.mrcs", "close a.mrcs"]);
    await expect(
      readImageBatches([{ path: "a.mrcs" }], openAs(log), { batchSize: 1 }).next(),
    ).rejects.toThrow("a.mrcs: has 10 images; say which one, as in 000001@a.mrcs");
    await expect(readImageBatches([], openAs(log), { batchSize: 1, ahead: -1 }).next()).rejects.toThrow(
      "ahead is -1",
    );
  });
});
