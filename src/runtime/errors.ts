import { UserError } from "../errors.js";

/** The device went away (driver reset, unplugged, killed). The run ends; nothing computed since can be trusted. */
export class DeviceLostError extends UserError {
  override readonly name = "DeviceLostError";
}

/** The device refused memory although the arena had room. */
export class DeviceMemoryError extends UserError {
  override readonly name = "DeviceMemoryError";
}

/** Something this device or runtime cannot do; the message says what would work. */
export class UnsupportedError extends UserError {
  override readonly name = "UnsupportedError";
}
