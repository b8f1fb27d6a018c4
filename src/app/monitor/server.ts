import { randomBytes, timingSafeEqual } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join, relative, resolve, sep } from "node:path";
import { UserError } from "../../errors.js";
import { fileError } from "../../formats/node.js";
import { ask, NoAnswerError } from "../live/socket.js";

export interface MonitorOptions {
  /** Folder of the job. */
  readonly job: string;
  /** Folder of the built page. */
  readonly page: string;
  /** 0: one that is free. */
  readonly port: number;
}

export interface Monitor {
  /** With the token, without which nothing of the job is told. */
  readonly url: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
};

/** Files of a job that are told: what a refinement writes. */
const told = /\.(star|mrc|jsonl|html)$/;

/** On every answer: no other page may read, frame or guess at it, and the address with its token goes nowhere. */
const headers = {
  "cache-control": "no-store",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** A request that is refused. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Serve the page and one job folder on this machine alone. `GET /api/files` lists the job's files, `GET /api/file?name=N&from=B` gives one from a
 * byte on, `GET /api/arena` asks the run that writes to the folder for its memory (a `WatchedArena`); all need the token in the header
 * `x-cryotile-token`.
 * @throws UserError where the folder holds no run, the page is not built, or the port is taken
 */
export async function startMonitor({ job, page, port }: MonitorOptions): Promise<Monitor> {
  const folder = resolve(job);
  await refuseOtherFolders(folder);
  const pages = await pageFiles(page);
  const token = randomBytes(24).toString("base64url");
  const server = createServer((request, response) => {
    answer(request, response, { folder, pages, token, port: address().port }).catch((error: unknown) =>
      refuse(response, error),
    );
  });
  const address = () => server.address() as AddressInfo;
  await new Promise<void>((listening, failed) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      failed(
        cause.code === "EADDRINUSE"
          ? new UserError(`--port ${port}: is taken; give another one, or none for one that is free`)
          : cause,
      ),
    );
    server.listen(port, "127.0.0.1", listening);
  });
  return {
    url: `http://127.0.0.1:${address().port}/?token=${token}#/monitor`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function refuseOtherFolders(folder: string): Promise<void> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw fileError(folder, "read", cause);
  });
  if (!names.some((name) => name === "events.jsonl" || /_optimiser\.star$/.test(name)))
    throw new UserError(
      `${folder}: holds no run: a folder with events.jsonl, or a RELION job with run_itNNN_optimiser.star, was expected`,
    );
}

/** Files of the page by their path in the address: nothing else can be asked for. */
async function pageFiles(page: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(page, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    found.set(`/${relative(page, path).split(sep).join("/")}`, path);
  }
  const index = found.get("/index.html");
  if (index === undefined) throw new UserError(`${page}: the page is not there; make it with npm run build`);
  return found.set("/", index);
}

interface Served {
  readonly folder: string;
  readonly pages: ReadonlyMap<string, string>;
  readonly token: string;
  readonly port: number;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  checkSource(request, served.port);
  if (request.method !== "GET") throw new Refusal(405, "only GET is answered");
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://page");
  const file = served.pages.get(pathname);
  if (file !== undefined) {
    const type = types[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "content-type": type }).end(await readFile(file));
    return;
  }
  if (!pathname.startsWith("/api/")) throw new Refusal(404, "there is no such page");
  checkToken(request.headers["x-cryotile-token"], served.token);
  if (pathname === "/api/files") {
    const files = await jobFiles(served.folder);
    const body = JSON.stringify({ job: basename(served.folder), now: Date.now() / 1000, files });
    response.writeHead(200, { ...headers, "content-type": "application/json" }).end(body);
  } else if (pathname === "/api/file") await sendFile(response, served.folder, searchParams);
  else if (pathname === "/api/arena") await sendArena(response, served.folder);
  else throw new Refusal(404, "there is no such page");
}

/** A page of another site reaches this server under another name (DNS rebinding) or tells its own origin. */
function checkSource({ headers: given }: IncomingMessage, port: number): void {
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(given.host ?? "")) throw new Refusal(403, "this server answers to 127.0.0.1 alone");
  if (given.origin !== undefined && given.origin !== `http://${given.host}`)
    throw new Refusal(403, "other pages are not answered");
  const site = given["sec-fetch-site"];
  // A link on another page may lead here; what it asks for itself is refused.
  const link = given["sec-fetch-mode"] === "navigate" && given["sec-fetch-dest"] === "document";
  if (site !== undefined && site !== "same-origin" && site !== "none" && !link)
    throw new Refusal(403, "other pages are not answered");
}

function checkToken(given: string | string[] | undefined, token: string): void {
  const [one, other] = [given, token].map((text) => Buffer.from(String(text)));
  if (one.length !== other.length || !timingSafeEqual(one, other))
    throw new Refusal(401, "the token is missing or wrong: open the address that cryotile monitor printed");
}

/** Plain files of the job folder itself, by name; links are left out, they may lead elsewhere. */
async function jobFiles(folder: string): Promise<{ name: string; size: number; modified: number }[]> {
  const files: { name: string; size: number; modified: number }[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new Refusal(404, "the folder of the job is gone; start cryotile monitor again where it is");
  });
  for (const entry of entries) {
    if (!entry.isFile() || !told.test(entry.name)) continue;
    // A file may go between the two looks.
    const stat = await lstat(join(folder, entry.name)).catch(() => undefined);
    if (stat?.isFile()) files.push({ name: entry.name, size: stat.size, modified: stat.mtimeMs / 1000 });
  }
  return files;
}

async function sendFile(response: ServerResponse, folder: string, query: URLSearchParams): Promise<void> {
  const name = query.get("name") ?? "";
  const from = Number(query.get("from") ?? 0);
  const known = (await jobFiles(folder)).find((file) => file.name === name);
  if (known === undefined) throw new Refusal(404, "the job has no such file");
  if (!Number.isSafeInteger(from) || from < 0 || from > known.size)
    throw new Refusal(416, `the file has ${known.size} bytes`);
  response.writeHead(200, {
    ...headers,
    "content-type": "application/octet-stream",
    "content-length": known.size - from,
    // The report is shown by the page, never as a page of this server.
    "content-security-policy": "sandbox",
  });
  if (known.size === from) response.end();
  else
    createReadStream(join(folder, name), { start: from, end: known.size - 1 })
      .on("error", () => response.destroy())
      .pipe(response);
}

async function sendArena(response: ServerResponse, folder: string): Promise<void> {
  const text = await ask(folder).catch((error: unknown) => {
    throw error instanceof NoAnswerError ? new Refusal(503, error.message) : error;
  });
  if (text === undefined)
    throw new Refusal(
      404,
      "no refinement of cryotile runs in this folder on this machine, it has not opened its device yet, or it is of another user",
    );
  response.writeHead(200, { ...headers, "content-type": "application/json" }).end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  const [status, message] =
    error instanceof Refusal ? [error.status, error.message] : [500, "it could not be read"];
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { ...headers, "content-type": "text/plain" }).end(`${message}\n`);
}
