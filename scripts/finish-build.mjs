// The last step of `npm run build`: makes the command line of the package runnable.
import { chmodSync } from "node:fs";
import { resolve } from "node:path";

chmodSync(resolve(import.meta.dirname, "../dist/src/app/cli.js"), 0o755);
