import { UserError } from "../../errors.js";
import type { ByteSink } from "../source.js";
import { writeReal } from "./number.js";
import type { StarFile } from "./reader.js";
import { isPlainToken, type StarColumn, type StarTable } from "./table.js";
import { plainText } from "./tokens.js";

const chunkBytes = 1 << 20;
const encoder = new TextEncoder();
const space = 32;
const newline = 10;

/** Text as a STAR token: in double quotes where it must be, with inner double quotes as RELION's `\a`. */
export function quoteToken(text: string): string {
  if (isPlainToken(text)) return text;
  if (/[\n\r\0]/.test(text))
    throw new UserError(`STAR: "${text.slice(0, 40)}" has a line break and cannot be a value`);
  if (!text.includes("\\a")) return `"${text.replaceAll('"', "\\a")}"`;
  // Inside double quotes \a would be read as a quote.
  if (/'(\s|$)/.test(text)) throw new UserError(`STAR: "${text.slice(0, 40)}" cannot be quoted`);
  return `'${text}'`;
}

/** Text that is copied faster than it is encoded. */
function isShortAscii(text: string): boolean {
  if (text.length > 128) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

class Output {
  private buffer = new Uint8Array(chunkBytes + 1024);
  private length = 0;

  constructor(private readonly sink: ByteSink) {}

  get full(): boolean {
    return this.length >= chunkBytes;
  }

  text(text: string, width = 0): void {
    if (isShortAscii(text)) {
      this.reserve(Math.max(width, text.length));
      for (let pad = text.length; pad < width; pad++) this.buffer[this.length++] = space;
      for (let i = 0; i < text.length; i++) this.buffer[this.length++] = text.charCodeAt(i);
      return;
    }
    const bytes = encoder.encode(text);
    this.bytes(bytes, 0, bytes.length, width);
  }

  /** Bytes, right-aligned in `width` columns. */
  bytes(source: Uint8Array, start: number, end: number, width: number): void {
    this.reserve(Math.max(width, end - start));
    for (let pad = end - start; pad < width; pad++) this.buffer[this.length++] = space;
    if (end - start > 64) {
      this.buffer.set(source.subarray(start, end), this.length);
      this.length += end - start;
    } else for (let at = start; at < end; at++) this.buffer[this.length++] = source[at];
  }

  real(value: number): void {
    this.reserve(32);
    this.length = writeReal(value, this.buffer, this.length);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  async flush(): Promise<void> {
    await this.sink.write(this.buffer.subarray(0, this.length));
    this.length = 0;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + bytes));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}

/** Whether a token that starts with this byte can be a keyword, a label or a text field at the start of a line. */
const mayBeKeyword = (byte: number) => "dDlLsSgG_;".includes(String.fromCharCode(byte));

/** How wide RELION sets a value: 12 for numbers, 10 for text. */
const widthOf = (table: StarTable, label: string) =>
  table.typeOf(label) === "string" || table.typeOf(label) === "vector" ? 10 : 12;

function writeValue(
  out: Output,
  table: StarTable,
  column: StarColumn,
  row: number,
  width: number,
  startsLine = false,
): void {
  if (column.kind === "source") {
    const [start, end] = table.tokenRange(column, row);
    // A word like loop_ is a value inside a line and a keyword at its start.
    if (startsLine && mayBeKeyword(column.store.bytes[start])) {
      out.text(quoteToken(plainText(column.store.bytes, start, end)), width);
      return;
    }
    out.bytes(column.store.bytes, start, end, width);
  } else if (column.kind === "double") out.real(column.values[row]);
  else if (column.kind === "int") out.text(String(column.values[row]), 12);
  else out.text(quoteToken(column.values[row]), width);
}

function writeList(out: Output, table: StarTable): void {
  const columns = [...table.entries()];
  const labelWidth = Math.max(...columns.map(([label]) => label.length + 1)) + 12;
  for (const [label, column] of columns) {
    out.text(`_${label}`.padEnd(labelWidth));
    writeValue(out, table, column, 0, widthOf(table, label) === 12 ? 12 : 0);
    out.byte(newline);
  }
}

async function writeLoop(out: Output, table: StarTable): Promise<void> {
  const columns = [...table.entries()].map(([label, column]) => ({
    column,
    label,
    width: widthOf(table, label),
  }));
  out.text("loop_ \n");
  columns.forEach(({ label }, index) => {
    out.text(`_${label} #${index + 1} \n`);
  });
  for (let row = 0; row < table.rowCount; row++) {
    for (const [index, { column, width }] of columns.entries()) {
      writeValue(out, table, column, row, width, index === 0);
      out.byte(space);
    }
    out.byte(newline);
    if (out.full) await out.flush();
  }
}

/**
 * Write tables in RELION's layout, so that its tools read them back. Columns that were read and not changed keep their tokens;
 * new reals are written with 6 decimals, as RELION does. The caller commits the sink.
 */
export async function writeStar(file: Pick<StarFile, "blocks">, sink: ByteSink): Promise<void> {
  const out = new Output(sink);
  for (const table of file.blocks) {
    const comments = table.comments.length > 0 ? table.comments : ["version 30001"];
    out.text(`\n${comments.map((comment) => `# ${comment}\n`).join("")}\ndata_${table.name}\n\n`);
    if (table.isLoop) await writeLoop(out, table);
    else if (table.labels.length > 0) writeList(out, table);
    out.text(" \n");
  }
  await out.flush();
}
