/**
 * Errors that a user can act on. The message is one line that says what was found, what was expected and what to
 * do about it; the command line prints it without a stack trace and exits with code 1.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
}

/** Where in a file something went wrong. Lines count from 1, bytes and image numbers as written in the message. */
export interface FormatLocation {
  readonly file: string;
  readonly line?: number;
  readonly byte?: number;
}

/** A file that cannot be read as what it claims to be. */
export class FormatError extends UserError {
  override readonly name = "FormatError";
  readonly location: FormatLocation;

  /** `problem` says what was found and what was expected; `remedy` (optional) says what to do. */
  constructor(location: FormatLocation, problem: string, remedy?: string) {
    const place =
      location.line !== undefined
        ? `${location.file}:${location.line}`
        : location.byte !== undefined
          ? `${location.file} (byte ${location.byte})`
          : location.file;
    super(`${place}: ${problem}${remedy === undefined ? "" : `. ${remedy}`}`);
    this.location = location;
  }
}
