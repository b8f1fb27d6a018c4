const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export const isSpace = (byte: number): boolean =>
  byte === 32 || byte === 9 || byte === 13 || byte === 11 || byte === 12;

/**
 * End of the token that starts at `start`. A quoted token ends with the first matching quote before a blank or the end of
 * the line; where there is none, the result is -1.
 */
export function tokenEnd(bytes: Uint8Array, start: number): number {
  const quote = bytes[start];
  let at = start + 1;
  if (quote === 34 || quote === 39) {
    for (; at < bytes.length && bytes[at] !== 10; at++) {
      if (bytes[at] === quote && (at + 1 >= bytes.length || bytes[at + 1] === 10 || isSpace(bytes[at + 1])))
        return at + 1;
    }
    return -1;
  }
  while (at < bytes.length && bytes[at] > 32) at++;
  while (at < bytes.length && bytes[at] !== 10 && !isSpace(bytes[at])) at++;
  return at;
}

/** Bytes as text. */
export const plainText = (bytes: Uint8Array, start: number, end: number): string =>
  decoder.decode(bytes.subarray(start, end));

/** The text of a token: quotes removed and, in double quotes, RELION's `\a` turned back into a quote. */
export function tokenText(bytes: Uint8Array, start: number, end: number): string {
  const quote = bytes[start];
  if (quote === 34) return plainText(bytes, start + 1, end - 1).replaceAll("\\a", '"');
  if (quote === 39) return plainText(bytes, start + 1, end - 1);
  return plainText(bytes, start, end);
}
