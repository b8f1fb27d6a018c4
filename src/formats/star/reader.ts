import { FormatError, UserError } from "../../errors.js";
import { nearest } from "../../text.js";
import type { ByteSource } from "../source.js";
import { lineAt, StarTable, type TokenStore } from "./table.js";
import { isSpace, plainText, tokenEnd, tokenText } from "./tokens.js";

/** Token positions are stored as 32-bit integers. */
const largestFile = 2 ** 32 - 1;

/** The blocks of a STAR file in their order; names may repeat. */
export class StarFile {
  constructor(
    readonly name: string,
    readonly blocks: StarTable[] = [],
  ) {}

  /** The first block with this name, or undefined. */
  find(name: string): StarTable | undefined {
    return this.blocks.find((block) => block.name === name);
  }

  /** The first block with this name. Throws `UserError` where there is none. */
  get(name: string): StarTable {
    const block = this.find(name);
    if (block !== undefined) return block;
    const names = this.blocks.map((candidate) => `data_${candidate.name}`);
    const near = nearest(`data_${name}`, names);
    throw new UserError(
      `${this.name}: has no table data_${name}; it has ${names.join(", ") || "no tables"}${near === undefined ? "" : ` (did you mean ${near}?)`}`,
    );
  }
}

/**
 * Read a STAR file: any number of `data_` blocks, each a loop or a list of name/value pairs. Tokens are located, not decoded:
 * a file takes its own size in memory and 4 bytes a value.
 *
 * Throws `FormatError` with file, line and what was expected for anything that is not a STAR file of single-line rows.
 */
export async function readStar(source: ByteSource): Promise<StarFile> {
  if (source.size > largestFile)
    throw new FormatError(
      { file: source.name },
      `${source.size} bytes; STAR files up to 4 GiB are read`,
      "split the file",
    );
  const bytes = new Uint8Array(source.size);
  const got = await source.readInto(bytes, 0);
  if (got !== source.size)
    throw new FormatError(
      { file: source.name, byte: got },
      `ends after ${got} of ${source.size} bytes`,
      "read it again",
    );
  return parseStar(bytes, source.name);
}

/** The same for bytes in memory, which the result keeps. */
export function parseStar(bytes: Uint8Array, file: string): StarFile {
  return new Parser(bytes, file).parse();
}

class Parser {
  private readonly result: StarFile;
  private pos = 0;
  private line = 1;
  private comments: string[] = [];
  private block: { name: string; line: number; comments: string[] } | undefined;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
  ) {
    this.result = new StarFile(file);
  }

  parse(): StarFile {
    const { bytes } = this;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.pos = 3;
    if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
      this.fail("is UTF-16 text; STAR files are ASCII or UTF-8", "convert it");
    const nul = bytes.indexOf(0);
    if (nul >= 0)
      throw new FormatError(
        { file: this.file, line: lineAt(bytes, nul) },
        `holds a NUL byte (at ${nul}): this is no STAR file, or it is damaged`,
      );
    while (this.skipBlankLines()) {
      const word = this.peekWord();
      if (/^data_/i.test(word)) this.openBlock(word.slice(5));
      else if (this.block === undefined)
        this.fail(`"${clip(word)}" found where a data_ block was expected: this is no STAR file`);
      else if (/^loop_$/i.test(word)) this.readLoop(this.block);
      else if (word.startsWith("_")) this.readList(this.block);
      else this.fail(`"${clip(word)}" found in data_${this.block.name} where loop_ or a label was expected`);
    }
    this.closeBlock();
    if (this.result.blocks.length === 0)
      this.fail("holds no data_ block: this is no STAR file, or it is empty");
    return this.result;
  }

  private fail(problem: string, remedy?: string): never {
    throw new FormatError({ file: this.file, line: this.line }, problem, remedy);
  }

  /** Go to the first token of the next line that has one; collects comments. False at the end of the file. */
  private skipBlankLines(): boolean {
    const { bytes } = this;
    for (;;) {
      while (this.pos < bytes.length && isSpace(bytes[this.pos])) this.pos++;
      if (this.pos >= bytes.length) return false;
      if (bytes[this.pos] === 35) {
        const end = this.lineEnd();
        this.comments.push(plainText(bytes, this.pos + 1, end).trim());
        this.pos = end;
      } else if (bytes[this.pos] === 10) {
        this.pos++;
        this.line++;
      } else return true;
    }
  }

  private lineEnd(): number {
    const end = this.bytes.indexOf(10, this.pos);
    return end < 0 ? this.bytes.length : end;
  }

  /** The next token with its quotes: a quoted word is no keyword. */
  private peekWord(): string {
    const end = tokenEnd(this.bytes, this.pos);
    return end < 0 ? '"' : plainText(this.bytes, this.pos, end);
  }

  /** The next token of this line, or undefined at its end. A comment ends the line. */
  private nextToken(): { start: number; end: number } | undefined {
    const { bytes } = this;
    while (this.pos < bytes.length && isSpace(bytes[this.pos])) this.pos++;
    if (this.pos >= bytes.length || bytes[this.pos] === 10) return undefined;
    if (bytes[this.pos] === 35) {
      this.pos = this.lineEnd();
      return undefined;
    }
    const start = this.pos;
    const end = tokenEnd(bytes, start);
    if (end < 0)
      this.fail(
        `the quote before ${clip(plainText(bytes, start + 1, this.lineEnd()))} is not closed on its line`,
      );
    this.pos = end;
    return { start, end };
  }

  private openBlock(name: string): void {
    this.closeBlock();
    this.nextToken();
    this.block = { name, line: this.line, comments: this.comments };
    this.comments = [];
    if (this.nextToken() !== undefined) this.fail(`data_${name} must stand alone on its line`);
  }

  /** A block without content is kept: some programs write empty tables. */
  private closeBlock(): void {
    if (this.block !== undefined)
      this.addTable(new StarTable(this.block.name, false, 0, this.file), this.block);
  }

  private addTable(table: StarTable, block: { comments: string[] }): void {
    table.comments = block.comments;
    this.result.blocks.push(table);
    this.block = undefined;
  }

  private addLabel(labels: string[], label: string, name: string): void {
    if (label === "") this.fail(`a label without a name in data_${name}`);
    if (labels.includes(label)) this.fail(`label _${label} stands twice in data_${name}`);
    labels.push(label);
  }

  private readList(block: { name: string; comments: string[] }): void {
    const labels: string[] = [];
    const starts: number[] = [];
    while (this.skipBlankLines() && this.bytes[this.pos] === 95) {
      const token = this.nextToken() as { start: number; end: number };
      const label = plainText(this.bytes, token.start + 1, token.end);
      this.addLabel(labels, label, block.name);
      if (this.bytes[this.pos] === 10 || this.pos >= this.bytes.length)
        this.fail(`_${label} has no value on its line`);
      const value = this.nextToken();
      if (value === undefined) this.fail(`_${label} has no value on its line`);
      this.checkText(value.start);
      starts.push(value.start);
      const extra = this.nextToken();
      if (extra !== undefined)
        this.fail(
          `_${label} has more than one value ("${clip(tokenText(this.bytes, extra.start, extra.end))}" is the second)`,
          "put a value with blanks in double quotes",
        );
    }
    const store: TokenStore = {
      file: this.file,
      bytes: this.bytes,
      starts: Uint32Array.from(starts),
      columns: labels.length,
    };
    const table = new StarTable(block.name, false, 1, this.file);
    for (const [index, label] of labels.entries()) table.addSource(label, store, index);
    this.addTable(table, block);
    this.expectBlockEnd(block.name);
  }

  private readLoop(block: { name: string; comments: string[] }): void {
    this.nextToken();
    const labels: string[] = [];
    let inHeader = true;
    while (inHeader && this.skipBlankLines()) {
      while (this.bytes[this.pos] === 95) {
        const token = this.nextToken() as { start: number; end: number };
        this.addLabel(labels, plainText(this.bytes, token.start + 1, token.end), block.name);
        while (this.pos < this.bytes.length && isSpace(this.bytes[this.pos])) this.pos++;
        if (this.bytes[this.pos] === 35) this.pos = this.labelNumberEnd();
        while (this.pos < this.bytes.length && isSpace(this.bytes[this.pos])) this.pos++;
      }
      inHeader = this.pos >= this.bytes.length || this.bytes[this.pos] === 10;
    }
    if (labels.length === 0) this.fail(`the loop of data_${block.name} has no labels`);
    const starts = this.readRows(labels, block.name);
    const store: TokenStore = { file: this.file, bytes: this.bytes, starts, columns: labels.length };
    const table = new StarTable(block.name, true, starts.length / labels.length, this.file);
    for (const [index, label] of labels.entries()) table.addSource(label, store, index);
    this.addTable(table, block);
    this.expectBlockEnd(block.name);
  }

  /** After a label: the end of `#12` where another label follows on the line, else of the line. */
  private labelNumberEnd(): number {
    const end = this.lineEnd();
    const match = /^#\d+\s+(?=_)/.exec(plainText(this.bytes, this.pos, end));
    return match === null ? end : this.pos + match[0].length;
  }

  /** Token starts of all rows. A row is a line; a loop written on one line may hold several rows there. */
  private readRows(labels: string[], name: string): Uint32Array {
    const { bytes } = this;
    const columns = labels.length;
    let starts = new Uint32Array(Math.max(64, Math.min(columns * 1024, bytes.length)));
    let count = 0;
    let inline = this.pos > 0 && !this.atLineStart();
    while (this.skipBlankLines()) {
      const begun = count;
      if (this.atKeyword()) {
        if (!this.atLineStart()) this.fail(`"${clip(this.peekWord())}" must start a line`);
        break;
      }
      this.checkText(this.pos);
      let pos = this.pos;
      for (;;) {
        while (pos < bytes.length && isSpace(bytes[pos])) pos++;
        if (pos >= bytes.length || bytes[pos] === 10 || bytes[pos] === 35) break;
        if (count === starts.length) {
          const larger = new Uint32Array(Math.min(starts.length * 2, bytes.length));
          larger.set(starts);
          starts = larger;
        }
        starts[count++] = pos;
        const byte = bytes[pos];
        if (byte === 34 || byte === 39) {
          this.pos = pos;
          pos = (this.nextToken() as { end: number }).end;
        } else {
          pos++;
          while (pos < bytes.length && (bytes[pos] > 32 || (bytes[pos] !== 10 && !isSpace(bytes[pos]))))
            pos++;
        }
      }
      this.pos = bytes[pos] === 35 ? this.endOfLineFrom(pos) : pos;
      const found = count - begun;
      if (inline ? found % columns !== 0 : found !== columns) this.failRow(labels, name, found);
      inline = false;
    }
    return starts.slice(0, count);
  }

  private endOfLineFrom(pos: number): number {
    const end = this.bytes.indexOf(10, pos);
    return end < 0 ? this.bytes.length : end;
  }

  private failRow(labels: string[], name: string, found: number): never {
    const missing = labels[found];
    this.fail(
      `a row of data_${name} has ${found} values for ${labels.length} labels${missing === undefined ? "" : ` (_${missing} is the first without one)`}`,
      "each row stands on one line; values with blanks need double quotes",
    );
  }

  private atLineStart(): boolean {
    let at = this.pos - 1;
    while (at >= 0 && isSpace(this.bytes[at])) at--;
    return at < 0 || this.bytes[at] === 10;
  }

  private atKeyword(): boolean {
    const { bytes, pos } = this;
    const lower = bytes[pos] | 32;
    if (bytes[pos] === 95 && this.looksLikeLabel()) return true;
    if (lower !== 100 && lower !== 108 && lower !== 115 && lower !== 103) return false;
    return /^(data_|(loop_|stop_|global_|save_.*)$)/i.test(this.peekWord());
  }

  /** A line that is only `_label`, with or without a comment, cannot be a row. */
  private looksLikeLabel(): boolean {
    const end = this.lineEnd();
    return /^_\S*\s*(#.*)?$/.test(plainText(this.bytes, this.pos, end));
  }

  private checkText(start: number): void {
    if (this.bytes[start] === 59 && (start === 0 || this.bytes[start - 1] === 10))
      this.fail(
        "a text field over several lines (;) is not read",
        "put the text on one line in double quotes",
      );
  }

  private expectBlockEnd(name: string): void {
    if (!this.skipBlankLines()) return;
    const word = this.peekWord();
    if (/^data_/i.test(word)) return;
    const what = /^loop_$/i.test(word) ? "a second loop" : `"${clip(word)}"`;
    this.fail(`${what} in data_${name}; a block holds one loop or one list`, "start a new data_ block");
  }
}

const clip = (text: string) => (text.length > 40 ? `${text.slice(0, 40)}...` : text);
