import { type Remote, wrap } from "comlink";
import type { ViewApi } from "./view.worker.js";

let viewer: Remote<ViewApi> | undefined;

/** The worker that reads maps and draws figures; started when something is to be looked at. */
export function viewWorker(): Remote<ViewApi> {
  viewer ??= wrap<ViewApi>(
    new Worker(new URL("./view.worker.ts", import.meta.url), { type: "module", name: "view" }),
  );
  return viewer;
}
