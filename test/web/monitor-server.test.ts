import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listen } from "../../src/app/live/socket.js";
import { type Monitor, startMonitor } from "../../src/app/monitor/server.js";
import { runCli } from "../support/cli.js";

const page = resolve(import.meta.dirname, "../../dist/web");

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** A request with the path as it is: `fetch` would tidy it up. */
function ask(monitor: Monitor, path: string, headers: Readonly<Record<string, string>> = {}, method = "GET") {
  const { port } = new URL(monitor.url);
  return new Promise<Answer>((answered, failed) => {
    request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("latin1");
      response.on("data", (part: string) => {
        body += part;
      });
      response.on("end", () =>
        answered({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    })
      .on("error", failed)
      .end();
  });
}

describe("the monitor's server", () => {
  let root: string;
  let monitor: Monitor;
  let token: { "x-cryotile-token": string };
  const secret = "nobody outside may read this";
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "cryotile-monitor-"));
    const job = join(root, "job");
    mkdirSync(join(job, "below"), { recursive: true });
    writeFileSync(join(job, "events.jsonl"), '{"kind":"none"}\nsecond line\n');
    writeFileSync(join(job, "run_it001_data.star"), "data_particles\n");
    writeFileSync(join(job, "notes.txt"), secret);
    for (const name of ["secret.star", "job/below/secret.star"]) writeFileSync(join(root, name), secret);
    symlinkSync(join(root, "secret.star"), join(job, "link.star"));
    symlinkSync(root, join(job, "out.star"));
    monitor = await startMonitor({ job, page, port: 0 });
    token = { "x-cryotile-token": new URL(monitor.url).searchParams.get("token") ?? "" };
  });
  afterAll(async () => {
    await monitor?.close();
    rmSync(root, { recursive: true, force: true });
  });

  test("says when the folder of the job is gone, and goes on when it is back", async () => {
    const [here, away] = [join(root, "job"), join(root, "moved")];
    renameSync(here, away);
    const gone = await ask(monitor, "/api/files", token);
    renameSync(away, here);
    expect([gone.status, gone.body]).toEqual([
      404,
      "the folder of the job is gone; start cryotile monitor again where it is\n",
    ]);
    expect((await ask(monitor, "/api/files", token)).status).toBe(200);
  });

  test("gives the page, and the job's files from a byte on", async () => {
    const index = await ask(monitor, "/?token=anything");
    expect([index.status, index.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(index.headers["cross-origin-opener-policy"]).toBe("same-origin");
    const { files } = JSON.parse((await ask(monitor, "/api/files", token)).body) as {
      files: { name: string }[];
    };
    expect(files.map(({ name }) => name).sort()).toEqual(["events.jsonl", "run_it001_data.star"]);
    expect((await ask(monitor, "/api/file?name=events.jsonl&from=16", token)).body).toBe("second line\n");
    expect((await ask(monitor, "/api/file?name=events.jsonl&from=28", token)).body).toBe("");
    expect((await ask(monitor, "/api/file?name=events.jsonl&from=29", token)).status).toBe(416);
  });

  test.each([
    "/api/file?name=../secret.star",
    "/api/file?name=..%2fsecret.star",
    "/api/file?name=%2e%2e%2fsecret.star",
    "/api/file?name=..%5csecret.star",
    "/api/file?name=below/secret.star",
    "/api/file?name=below%2fsecret.star",
    "/api/file?name=link.star",
    "/api/file?name=out.star",
    "/api/file?name=out.star/secret.star",
    "/api/file?name=notes.txt",
    "/api/file?name=events.jsonl%00.star",
    "/api/file?name=.",
    "/api/file?name=",
    "/api/file",
    "/api/../../secret.star",
    "/../secret.star",
    "/%2e%2e/secret.star",
    "/assets/../../secret.star",
    "/assets/..%2f..%2f..%2fpackage.json",
    "//etc/passwd",
    "/etc/passwd",
    "/link.star",
  ])("refuses %s", async (path) => {
    const { status, body } = await ask(monitor, path, token);
    expect([400, 404]).toContain(status);
    expect(body).not.toContain(secret);
    expect(body).not.toContain("root:");
  });

  test("an absolute path is no name of a file of the job", async () => {
    const { status } = await ask(
      monitor,
      `/api/file?name=${encodeURIComponent(join(root, "secret.star"))}`,
      token,
    );
    expect(status).toBe(404);
  });

  test.each([
    ["no token", {}, 401],
    ["another token", { "x-cryotile-token": "a".repeat(32) }, 401],
    ["a token of another length", { "x-cryotile-token": "a" }, 401],
  ])("refuses %s", async (_, headers, status) => {
    for (const path of ["/api/files", "/api/file?name=events.jsonl", "/api/arena", "/api/nothing"])
      expect((await ask(monitor, path, headers)).status).toBe(status);
  });

  test.each([
    ["another host", { host: "example.org" }],
    ["a host that only begins so", { host: "127.0.0.1.example.org" }],
    ["another port", { host: "127.0.0.1:1" }],
    ["another origin", { origin: "https://example.org" }],
    ["no origin (a sandboxed page)", { origin: "null" }],
    ["another site", { "sec-fetch-site": "cross-site" }],
    ["another site of this machine", { "sec-fetch-site": "same-site" }],
  ])("refuses %s, even with the token, even for the page", async (_, headers) => {
    for (const path of ["/", "/api/files", "/api/file?name=events.jsonl", "/api/arena"]) {
      const { status, body, headers: answered } = await ask(monitor, path, { ...token, ...headers });
      expect(status).toBe(403);
      expect(body).not.toContain("second line");
      expect(body).not.toContain("no refinement");
      expect(answered["access-control-allow-origin"]).toBeUndefined();
    }
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s", async (method) => {
    for (const path of ["/api/files", "/api/arena"])
      expect((await ask(monitor, path, token, method)).status).toBe(405);
  });

  test("asks the run that writes to this folder for its memory, and no other", async () => {
    const none = await ask(monitor, "/api/arena", token);
    expect([none.status, none.body]).toEqual([
      404,
      expect.stringMatching(/^no refinement of cryotile runs in this folder on this machine/),
    ]);
    let asked = 0;
    const answer = () => `{"asked":${++asked}}`;
    const fail = (error: Error) => expect.fail(error.message);
    const other = await listen(join(root, "job/below"), () => secret, fail);
    expect((await ask(monitor, "/api/arena", token)).status).toBe(404);
    const own = await listen(join(root, "job"), answer, fail);
    try {
      const { status, body, headers } = await ask(monitor, "/api/arena?name=below", token);
      expect([status, headers["content-type"], headers["cache-control"], body]).toEqual([
        200,
        "application/json",
        "no-store",
        '{"asked":1}',
      ]);
      expect((await ask(monitor, "/api/arena", {})).status).toBe(401);
      expect((await ask(monitor, "/api/arena", { ...token, host: "example.org" })).status).toBe(403);
      expect((await ask(monitor, "/api/arena", { ...token, origin: "https://example.org" })).status).toBe(
        403,
      );
      expect((await ask(monitor, "/api/arena", token, "POST")).status).toBe(405);
      // Who is refused costs the run nothing.
      expect(asked).toBe(1);
    } finally {
      own.close();
      other.close();
    }
    expect((await ask(monitor, "/api/arena", token)).status).toBe(404);
  });

  test("listens on this machine alone, under a new token each time", async () => {
    const other = await startMonitor({ job: join(root, "job"), page, port: 0 });
    expect(new URL(other.url).hostname).toBe("127.0.0.1");
    expect(new URL(other.url).searchParams.get("token")).not.toBe(token["x-cryotile-token"]);
    expect(new URL(other.url).searchParams.get("token")).toMatch(/^[\w-]{32}$/);
    await other.close();
  });

  test("bad input is one line", async () => {
    await expect(startMonitor({ job: join(root, "job/below"), page, port: 0 })).rejects.toThrow(
      /holds no run: a folder/,
    );
    await expect(startMonitor({ job: join(root, "no"), page, port: 0 })).rejects.toThrow(
      /cannot read: no such file/,
    );
    await expect(startMonitor({ job: join(root, "job"), page: root, port: 0 })).rejects.toThrow(
      /npm run build/,
    );
    const { port } = new URL(monitor.url);
    await expect(startMonitor({ job: join(root, "job"), page, port: Number(port) })).rejects.toThrow(
      /is taken/,
    );
    expect(runCli(root, "monitor", "job", "--port", "http").stderr).toMatch(
      /^cryotile: --port http: must be/,
    );
  });
});
