import { FormatError, UserError } from "../../errors.js";
import { nearest } from "../../text.js";
import { type LabelType, labelType } from "./labels.js";
import { parseNumber } from "./number.js";
import { isSpace, tokenEnd, tokenText } from "./tokens.js";

/** The bytes of a file and where the tokens of one table start in them, row by row. */
export interface TokenStore {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly columns: number;
}

/** A column as it was read: its tokens are decoded only when asked for, and written back as they were. */
interface SourceColumn {
  readonly kind: "source";
  readonly store: TokenStore;
  readonly index: number;
}

interface RealColumn {
  readonly kind: "double";
  readonly values: Float64Array;
}

interface IntegerColumn {
  readonly kind: "int";
  readonly values: Int32Array;
}

interface TextColumn {
  readonly kind: "string";
  readonly values: readonly string[];
}

export type StarColumn = SourceColumn | RealColumn | IntegerColumn | TextColumn;

/** Values for a new column: Float64Array (reals), Int32Array (integers, booleans as 0/1) or strings. */
export type ColumnValues = Float64Array | Int32Array | readonly string[];

/**
 * One `data_` block of a STAR file: a loop with rows, or a list of name/value pairs (one row). Labels have no leading
 * underscore. Columns that nobody changed are written back token for token.
 */
export class StarTable {
  /** Comment lines that stood before the block, without their `#`. */
  comments: string[] = [];
  private readonly columns = new Map<string, StarColumn>();
  /** Rows of the token store that this table shows; undefined: all of them in order. */
  private selection: Uint32Array | undefined;

  constructor(
    /** Name behind `data_`; empty for an unnamed block. */
    public name: string,
    readonly isLoop: boolean,
    private rows: number,
    /** Named in errors. */
    readonly file: string = "table",
  ) {}

  /** A loop from columns of equal length. Throws `RangeError` when lengths differ. */
  static fromColumns(name: string, columns: Record<string, ColumnValues>): StarTable {
    const [first] = Object.values(columns);
    const table = new StarTable(name, true, first?.length ?? 0);
    for (const [label, values] of Object.entries(columns)) table.set(label, values);
    return table;
  }

  /** A list of name/value pairs. Numbers become reals unless RELION knows the label as an integer or boolean. */
  static fromPairs(name: string, pairs: Record<string, string | number>): StarTable {
    const table = new StarTable(name, false, 1);
    for (const [label, value] of Object.entries(pairs)) {
      const type = labelType(label);
      if (typeof value === "string") table.set(label, [value]);
      else
        table.set(label, type === "int" || type === "bool" ? Int32Array.of(value) : Float64Array.of(value));
    }
    return table;
  }

  get rowCount(): number {
    return this.rows;
  }

  get labels(): string[] {
    return [...this.columns.keys()];
  }

  has(label: string): boolean {
    return this.columns.has(label);
  }

  /** Real values of a column, one a row. Throws `FormatError` naming line and label where a token is no number. */
  numbers(label: string): Float64Array {
    const column = this.column(label);
    if (column.kind === "double") return Float64Array.from(column.values);
    if (column.kind === "int") return Float64Array.from(column.values);
    const out = new Float64Array(this.rows);
    for (let row = 0; row < this.rows; row++) {
      const value = this.parse(column, row);
      if (value === undefined) this.failToken(column, row, label, "a number");
      out[row] = value;
    }
    return out;
  }

  /** Integer values of a column. Throws `FormatError` where a token is no integer of 32 bits. */
  integers(label: string): Int32Array {
    const column = this.column(label);
    if (column.kind === "int") return Int32Array.from(column.values);
    const out = new Int32Array(this.rows);
    for (let row = 0; row < this.rows; row++) {
      const value = column.kind === "double" ? column.values[row] : this.parse(column, row);
      if (value === undefined || value !== Math.trunc(value) || Math.abs(value) > 0x7fffffff)
        this.failToken(column, row, label, "an integer");
      out[row] = value;
    }
    return out;
  }

  /** Values of a column as text, quotes removed. */
  strings(label: string): string[] {
    const column = this.column(label);
    return Array.from({ length: this.rows }, (_, row) => this.text(column, row));
  }

  /** One value as text. */
  string(label: string, row = 0): string {
    this.checkRow(row);
    return this.text(this.column(label), row);
  }

  /** One value as a number. */
  number(label: string, row = 0): number {
    this.checkRow(row);
    const column = this.column(label);
    const value =
      column.kind === "double" || column.kind === "int" ? column.values[row] : this.parse(column, row);
    if (value === undefined) this.failToken(column, row, label, "a number");
    return value;
  }

  /** Replace a column or append a new one. */
  set(label: string, values: ColumnValues): void {
    if (values.length !== this.rows)
      throw new RangeError(`${this.file}: ${label} has ${values.length} values for ${this.rows} rows`);
    if (!/^[^\s#]+$/.test(label)) throw new RangeError(`${this.file}: "${label}" cannot be a label`);
    if (values instanceof Float64Array) this.columns.set(label, { kind: "double", values });
    else if (values instanceof Int32Array) this.columns.set(label, { kind: "int", values });
    else this.columns.set(label, { kind: "string", values: values as readonly string[] });
  }

  remove(label: string): void {
    this.columns.delete(label);
  }

  /** A table with the given rows, in the given order. */
  selectRows(rows: ArrayLike<number>): StarTable {
    const selected = Uint32Array.from(rows);
    for (const row of selected) this.checkRow(row);
    const table = new StarTable(this.name, this.isLoop, selected.length, this.file);
    table.comments = [...this.comments];
    table.selection = selected.map((row) => this.selection?.[row] ?? row);
    for (const [label, column] of this.columns) {
      if (column.kind === "source") table.columns.set(label, column);
      else if (column.kind === "string")
        table.set(
          label,
          Array.from(selected, (row) => column.values[row]),
        );
      else
        table.set(
          label,
          column.values instanceof Int32Array
            ? Int32Array.from(selected, (row) => column.values[row])
            : Float64Array.from(selected, (row) => column.values[row]),
        );
    }
    return table;
  }

  /** What kind of values a column has: RELION's type of the label where it is known, else what the values look like. */
  typeOf(label: string): LabelType {
    const column = this.column(label);
    if (column.kind !== "source") return column.kind;
    const known = labelType(label);
    if (known !== undefined) return known;
    for (let row = 0; row < this.rows; row++) if (this.parse(column, row) === undefined) return "string";
    return this.rows > 0 ? "double" : "string";
  }

  /** For the writer: the columns as they are held, in order. */
  entries(): IterableIterator<[string, StarColumn]> {
    return this.columns.entries();
  }

  /** For the writer: the byte range of a token as it was read, quotes included. */
  tokenRange(column: SourceColumn, row: number): [number, number] {
    const { bytes, starts, columns } = column.store;
    const start = starts[(this.selection?.[row] ?? row) * columns + column.index];
    return [start, tokenEnd(bytes, start)];
  }

  /** For the reader. */
  addSource(label: string, store: TokenStore, index: number): void {
    this.columns.set(label, { kind: "source", store, index });
  }

  private column(label: string): StarColumn {
    const column = this.columns.get(label);
    if (column !== undefined) return column;
    const near = nearest(label, this.labels);
    throw new UserError(
      `${this.file}: table data_${this.name} has no column ${label}${near === undefined ? "" : `; the nearest one is ${near}`}`,
    );
  }

  private checkRow(row: number): void {
    if (!(row >= 0 && row < this.rows)) throw new RangeError(`${this.file}: row ${row} of ${this.rows}`);
  }

  private text(column: StarColumn, row: number): string {
    if (column.kind === "string") return column.values[row];
    if (column.kind !== "source") return String(column.values[row]);
    const [start, end] = this.tokenRange(column, row);
    return tokenText(column.store.bytes, start, end);
  }

  private parse(column: SourceColumn | TextColumn, row: number): number | undefined {
    if (column.kind === "source") {
      const [start, end] = this.tokenRange(column, row);
      const { bytes } = column.store;
      const quoted = bytes[start] === 34 || bytes[start] === 39;
      return quoted ? parseNumber(bytes, start + 1, end - 1) : parseNumber(bytes, start, end);
    }
    const bytes = new TextEncoder().encode(column.values[row]);
    return parseNumber(bytes, 0, bytes.length);
  }

  private failToken(column: StarColumn, row: number, label: string, expected: string): never {
    const found = `${label} is "${this.text(column, row)}" in row ${row + 1} of data_${this.name}; ${expected} was expected`;
    if (column.kind !== "source") throw new UserError(`${this.file}: ${found}`);
    const [start] = this.tokenRange(column, row);
    throw new FormatError({ file: column.store.file, line: lineAt(column.store.bytes, start) }, found);
  }
}

/** Number of the line (from 1) that a byte stands on. */
export function lineAt(bytes: Uint8Array, position: number): number {
  let line = 1;
  for (let at = bytes.indexOf(10); at >= 0 && at < position; at = bytes.indexOf(10, at + 1)) line++;
  return line;
}

/** Whether unquoted text would be read as something else than a value. */
function isReserved(text: string): boolean {
  const first = text[0] as string;
  if ("\"'#_;".includes(first)) return true;
  return "dDlLsSgG".includes(first) && /^(data_|loop_|save_|stop_|global_)/i.test(text);
}

/** Whether text can stand in a STAR file without quotes. */
export function isPlainToken(text: string): boolean {
  if (text === "" || isReserved(text)) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || isSpace(code)) return false;
  }
  return true;
}
