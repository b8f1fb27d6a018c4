import { useEffect, useState } from "preact/hooks";
import type { Session } from "../job/session.js";
import { Notice } from "../shell/ui.js";

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Milliseconds: Chromium drops what is more than ten downloads in a second. */
const betweenDownloads = 150;

/** Of the whole run: after every iteration. */
const wholeRun = Number.POSITIVE_INFINITY;
const iterationOf = (name: string) => Number(/_it(\d+)_/.exec(name)?.[1] ?? wholeRun);

/** Files by iteration, the newest first; those of no iteration before all. */
function groups(files: readonly string[]): [string, string[]][] {
  const byIteration = new Map<number, string[]>();
  for (const name of files.toSorted()) {
    const iteration = iterationOf(name);
    byIteration.set(iteration, [...(byIteration.get(iteration) ?? []), name]);
  }
  return [...byIteration]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([iteration, names]) => [
      iteration === wholeRun ? "Of the whole run" : `Iteration ${iteration}`,
      names,
    ]);
}

/** The files of a run: those that the command line writes. */
export function Downloads({ session }: { readonly session: Session }) {
  const [files, setFiles] = useState<readonly string[]>([]);
  const [problem, setProblem] = useState<string>();
  const written = session.saved.value;
  const state = session.state.value;
  // Written again when the run ends: the report.
  useEffect(() => {
    session.files().then(setFiles);
  }, [session, written, state]);
  // Who closes the dialog wants no files.
  const tell = ({ name, message }: Error) => name !== "AbortError" && setProblem(message);
  const download = async (name: string) => save(await session.file(name), name);
  const everything = async () => {
    const folder = await globalThis.showDirectoryPicker?.({ mode: "readwrite" });
    for (const name of files) {
      if (folder === undefined) {
        await download(name);
        await new Promise((later) => setTimeout(later, betweenDownloads));
        continue;
      }
      const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await (await session.file(name)).stream().pipeTo(file);
    }
  };
  const all = groups(files);
  if (all.length === 0) return null;
  // What is of the whole run, and the last iteration.
  const [shown, older] = [all.slice(0, 2), all.slice(2)];
  const list = ([title, names]: [string, string[]]) => (
    <li key={title}>
      <h3>{title}</h3>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <button type="button" class="link" onClick={() => download(name).catch(tell)}>
              {name}
            </button>
          </li>
        ))}
      </ul>
    </li>
  );
  return (
    <section class="refine-files">
      <h2>Files</h2>
      <p class="quiet">
        The files that <code>cryotile refine</code> writes, with RELION's names: maps open in ChimeraX, STAR
        files in RELION.
      </p>
      <ul>{shown.map(list)}</ul>
      {older.length > 0 && (
        <details>
          <summary>Earlier iterations</summary>
          <ul>{older.map(list)}</ul>
        </details>
      )}
      <button type="button" onClick={() => everything().then(() => setProblem(undefined), tell)}>
        Save all files
      </button>
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
    </section>
  );
}
