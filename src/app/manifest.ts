import { readFileSync } from "node:fs";

/** What package.json says of this program. */
export const manifest = JSON.parse(
  readFileSync(new URL("../../../package.json", import.meta.url), "utf8"),
) as { readonly version: string; readonly description: string };
