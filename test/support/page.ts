import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** The page as `npm run build` makes it, in a folder of its own. */
export async function buildPage(): Promise<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "cryotile-page-"));
  const { build } = await import("vite");
  await build({
    root: join(root, "web"),
    configFile: join(root, "web/vite.config.ts"),
    logLevel: "error",
    build: { outDir: folder },
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** A plain static server, as the page needs no other. `prepend`: code before the scripts whose names match. */
export async function servePage(
  folder: string,
  {
    isolated = true,
    prepend,
  }: {
    readonly isolated?: boolean;
    readonly prepend?: { readonly name: RegExp; readonly code: string };
  } = {},
): Promise<{ url: string; requests: string[]; close(): void }> {
  const requests: string[] = [];
  const headers = isolated
    ? { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" }
    : {};
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://page");
    const name = pathname === "/" ? "/index.html" : pathname;
    requests.push(name);
    try {
      const bytes = await readFile(join(folder, name));
      const body =
        prepend?.name.test(name) === true ? Buffer.concat([Buffer.from(`${prepend.code}\n`), bytes]) : bytes;
      const etag = createHash("sha256").update(body).digest("hex");
      response
        .writeHead(200, {
          "content-type": types[extname(name)] ?? "application/octet-stream",
          etag,
          ...headers,
        })
        .end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () => server.close(),
  };
}
