import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.js";
import { openMrc } from "../../src/formats/mrc/index.js";
import { blobSource, bytesSource } from "../../src/formats/source.js";
import { bzippedSeed, makeMrc, seeds } from "../fuzz/mrc.js";

const openBytes = (bytes: Uint8Array, name = "test.mrc") => openMrc(bytesSource(bytes, name));

const seedBytes = seeds[0] as Uint8Array;

/** `seeds[0]` as two bzip2 streams, cut at byte 1000, packed by bzip2 1.0.8. */
const bzippedTwice =
  "QlpoOTFBWSZTWUR3aHYAACR2pPxIIABAAGQCQAAIAEAAQAAACCAAUKaZGJiYglCntU09Q0zUipi057yk6jBIMYd3YYqoAjuA+W7nedXaNO34u5IpwoSCI7tDsEJaaDkxQVkmU1lnRaLDAAAAf//SJIsiTJEkSxatGkSRJkiSJIlyxaNIkyRJEkSZIli0aaAAVHAGgNMQYgBoaAGmI0aNABpkxMjRpkBxoZNNNGg0BkZANNGTRoDRkaAAAGI0wi8d69m3dv4A8eXPp17d/Hn18WY+sM/2WiyGp9BsujSp1KtauZYNs2jj8JWMw0zIdmOP0H6UENWvZt3b+HHlzR6JJ9VFVuzHdnyy17abcc+ff38XckU4UJBnRaLD";

/** A float32 image of 252 x 64 zeros, 65,536 bytes in all, packed by bzip2 1.0.8. */
const bzipped64K =
  "QlpoOTFBWSZTWWc8bT0AAqbejPhIQQAAAPwCQAAIAAACQAAADCAAVDRAADR6giknpBppoBGsz7MKquNzSStA+IFQDHNABALxdURlKjrjliZ7UIAABc/F3JFOFCQZzxtPQA==";

describe("packed files", () => {
  const plain = makeMrc({
    size: [8, 8, 8],
    mode: 2,
    data: new Uint8Array(Float32Array.from({ length: 512 }, (_, i) => i).buffer),
  });

  test("gzip, by its first bytes and whatever its name, over files and Blobs", async () => {
    const packed = gzipSync(plain);
    for (const source of [bytesSource(packed, "a.mrc"), blobSource(new Blob([packed]), "b.mrc.gz")]) {
      const volume = await (await openMrc(source)).readVolume();
      expect([volume[0], volume[511]]).toEqual([0, 511]);
    }
  });

  test("cut or damaged data is an error", async () => {
    await expect(openBytes(gzipSync(plain).subarray(0, 200))).rejects.toThrow(
      /gzip data is damaged or cut off/,
    );
    await expect(openBytes(new TextEncoder().encode("BZh91AY&SY nonsense"))).rejects.toThrow(
      /bzip2 data is damaged/,
    );
  });

  test("more or fewer bytes than the header says are refused, and unpacking stops there", async () => {
    // Random bytes behind the pixels do not shrink, so the packed bytes that are read tell how far unpacking went.
    const long = gzipSync(Buffer.concat([plain, randomBytes(8 << 20)]));
    let bytesRead = 0;
    const source = bytesSource(long, "long.mrc.gz");
    const counting = {
      ...source,
      readInto: (target: Uint8Array, at: number) => {
        bytesRead += target.length;
        return source.readInto(target, at);
      },
    };
    await expect(openMrc(counting)).rejects.toThrow("unpacks to more than the 3072 bytes");
    expect(bytesRead).toBeLessThan(1 << 20);
    const bomb = gzipSync(Buffer.concat([plain, Buffer.alloc(64 << 20)]));
    await expect(openBytes(bomb)).rejects.toThrow("unpacks to more than the 3072 bytes");
    await expect(openBytes(gzipSync(Buffer.concat([plain, Buffer.alloc(1)])))).rejects.toThrow(
      /more than the 3072/,
    );
    await expect(openBytes(gzipSync(plain.subarray(0, -1)))).rejects.toThrow(
      "truncated: unpacks to 3071 bytes and its header asks for 3072",
    );
    const huge = gzipSync(makeMrc({ size: [20_000, 20_000, 20], mode: 2, data: new Uint8Array() }));
    await expect(openBytes(huge)).rejects.toThrow(/unpacks to 32000001024 bytes and at most/);
    await expect(openMrc(bytesSource(gzipSync(plain)), { maxUnpackedBytes: 3000 })).rejects.toThrow(
      /unpacks to 3072 bytes and at most 3000/,
    );
    const claim = gzipSync(makeMrc({ size: [20_000, 20_000, 2], mode: 2, data: new Uint8Array() }));
    await expect(openBytes(claim)).rejects.toThrow(
      /truncated: its header asks for 3200001024 bytes, which \d+ bytes of gzip/,
    );
  });

  test("a check sum that is wrong or missing is an error", async () => {
    const packed = gzipSync(plain);
    const wrong = Uint8Array.from(packed);
    wrong[packed.length - 6] ^= 1;
    await expect(openBytes(wrong)).rejects.toThrow(/gzip data is damaged/);
    await expect(openBytes(packed.subarray(0, -8))).rejects.toThrow(/gzip data is damaged/);
    // Stored, not deflated: without the check sum flipped bits would be pixels.
    const stored = Uint8Array.from(gzipSync(plain, { level: 0 }));
    stored[2000] ^= 4;
    await expect(openBytes(stored)).rejects.toThrow(/gzip data is damaged/);
    for (const base64 of [bzippedSeed, bzipped64K]) {
      const block = Uint8Array.from(Buffer.from(base64, "base64"));
      block[11] ^= 1;
      await expect(openBytes(block)).rejects.toThrow(/bzip2 data is damaged/);
    }
  });

  test("bzip2 of one and of two streams, gzip of two members", async () => {
    const expected = await (await openBytes(seeds[0] as Uint8Array)).readVolume();
    const members = Buffer.concat([gzipSync(seedBytes.subarray(0, 500)), gzipSync(seedBytes.subarray(500))]);
    for (const packed of [Buffer.from(bzippedSeed, "base64"), Buffer.from(bzippedTwice, "base64"), members])
      expect(await (await openBytes(Uint8Array.from(packed))).readVolume()).toEqual(expected);
    const zeros = await (await openBytes(Uint8Array.from(Buffer.from(bzipped64K, "base64")))).readVolume();
    expect([zeros.length, zeros.every((value) => value === 0)]).toEqual([252 * 64, true]);
  });

  test("bzip2 data larger than the limit is refused unread", async () => {
    const source = { ...bytesSource(Buffer.from(bzippedSeed, "base64"), "a.map.bz2"), size: 2 ** 33 };
    await expect(openMrc(source)).rejects.toThrow(
      "8589934592 bytes of bzip2 data are more than the 4294967295",
    );
  });

  test("an error of the disk is reported as it is", async () => {
    const source = bytesSource(gzipSync(Buffer.concat([plain, randomBytes(1 << 20)])), "a.mrc.gz");
    const failing = {
      ...source,
      readInto: async (target: Uint8Array, at: number) => {
        if (target.length > 3) throw new UserError("a.mrc.gz: cannot read: input/output error");
        return source.readInto(target, at);
      },
    };
    await expect(openMrc(failing)).rejects.toThrow(/^a\.mrc\.gz: cannot read: input\/output error$/);
  });
});
