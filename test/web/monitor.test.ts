import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Monitor, startMonitor } from "../../src/app/monitor/server.js";
import { launchBrowser } from "../support/browser.js";
import { describeChromium } from "../support/chromium.js";
import { cliPath, runCli } from "../support/cli.js";
import { servePage } from "../support/page.js";
import { atEnd, drop, iterationsShown, openPage } from "../support/refine-page.js";
import { describeRelion, runTool } from "../support/relion.js";
import { shortRun, tinyFolder } from "../support/tiny-job.js";

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
    for (const path of ["/api/files", "/api/file?name=events.jsonl", "/api/nothing"])
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
    for (const path of ["/", "/api/files", "/api/file?name=events.jsonl"]) {
      const { status, body, headers: answered } = await ask(monitor, path, { ...token, ...headers });
      expect(status).toBe(403);
      expect(body).not.toContain("second line");
      expect(answered["access-control-allow-origin"]).toBeUndefined();
    }
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s", async (method) => {
    expect((await ask(monitor, "/api/files", token, method)).status).toBe(405);
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

describeChromium("monitor", () => {
  const folder = tinyFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });

  test("follows a run of the command line to its end", async () => {
    mkdirSync(join(folder, "live"));
    const run = spawn(
      process.execPath,
      [
        cliPath,
        "refine",
        ...shortRun,
        "--o",
        "live/run",
        "--iter",
        "4",
        "--runtime",
        "reference",
        "--verb",
        "0",
      ],
      { cwd: folder, stdio: "ignore" },
    );
    const ended = new Promise((resolve) => run.once("exit", resolve));
    const command = await waitForLog(join(folder, "live"));
    const watching = spawn(process.execPath, [cliPath, "monitor", "live"], { cwd: folder });
    try {
      expect(command).toBe(true);
      const url = await new Promise<string>((resolve) =>
        watching.stdout.once("data", (text: Buffer) => resolve(text.toString().split("\n")[0])),
      );
      const { page: tab, problems } = await openPage(browser, url);
      await expect.poll(() => iterationsShown(tab).catch(() => 0), { timeout: 60_000 }).toBeGreaterThan(0);
      expect(await atEnd(tab, 120_000)).toBe("Finished");
      expect(await ended).toBe(0);
      expect(await iterationsShown(tab)).toBe(4);
      await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
      expect(problems).toEqual([]);
      await tab.context().close();
    } finally {
      watching.kill();
      run.kill();
    }
  }, 180_000);

  test("a wrong token is told", async () => {
    const monitor = await startMonitor({ job: join(folder, "live"), page, port: 0 });
    const { page: tab } = await openPage(browser, monitor.url.replace(/token=./, "token="));
    await tab.getByRole("alert").waitFor();
    expect(await tab.getByRole("alert").textContent()).toMatch(/the token is missing or wrong/);
    await tab.context().close();
    await monitor.close();
  }, 60_000);

  test("a folder that is dropped is shown without the runs below it, and the next one in its place", async () => {
    const given = join(folder, "given");
    cpSync(join(folder, "live"), given, { recursive: true });
    mkdirSync(join(given, "before"));
    writeFileSync(join(given, "before", "events.jsonl"), "not this one\n");
    const server = await servePage(page);
    const { page: tab, problems } = await openPage(browser, `${server.url}#/monitor`);
    await drop(tab, [given]);
    expect(await atEnd(tab, 60_000)).toBe("Finished");
    expect(await tab.locator("h1").textContent()).toBe("given");
    await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
    await drop(tab, [join(given, "before")]);
    await tab.getByRole("heading", { name: "before" }).waitFor();
    await expect.poll(() => tab.getByRole("img", { name: /as a surface/ }).count()).toBe(0);
    expect(problems).toEqual([]);
    await tab.context().close();
    server.close();
  }, 60_000);

  test("a map that comes late is shown when it is there", async () => {
    const job = join(folder, "late");
    cpSync(join(folder, "live"), job, { recursive: true });
    const map = join(job, "run_it004_class001.mrc");
    renameSync(map, `${map}.part`);
    const monitor = await startMonitor({ job, page, port: 0 });
    const { page: tab } = await openPage(browser, monitor.url);
    await tab.getByText("The map cannot be shown").waitFor();
    renameSync(`${map}.part`, map);
    await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
    expect(await tab.getByText("The map cannot be shown").count()).toBe(0);
    await tab.context().close();
    await monitor.close();
  }, 60_000);

  describeRelion("of RELION", () => {
    test("a RELION job is shown from its files", async () => {
      const job = join(folder, "relion");
      mkdirSync(job);
      await runTool("relion_refine", [...shortRun, "--o", "relion/run", "--iter", "2", "--j", "1"], {
        cwd: folder,
      });
      const monitor = await startMonitor({ job, page, port: 0 });
      const { page: tab, problems } = await openPage(browser, monitor.url);
      expect(await atEnd(tab, 60_000)).toBe("Finished");
      expect(await iterationsShown(tab)).toBe(2);
      const model = readFileSync(join(job, "run_it002_model.star"), "utf8");
      const value = (label: string) => Number(new RegExp(`_${label}\\s+(\\S+)`).exec(model)?.[1]);
      const side = (await tab.locator(".run-side").textContent()) ?? "";
      expect(side).toContain(`${value("rlnCurrentResolution").toFixed(1)}`);
      expect(side).toContain(value("rlnAveragePmax").toFixed(3));
      expect(side).toContain("Runs onRELION");
      await tab.getByRole("img", { name: /Class 1 as a surface/ }).waitFor();
      await tab.getByRole("heading", { name: "Angular distribution" }).waitFor();
      expect(problems).toEqual([]);
      await tab.context().close();
      await monitor.close();
    }, 120_000);
  });
});

async function waitForLog(folder: string): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    if (existsSync(join(folder, "events.jsonl"))) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
