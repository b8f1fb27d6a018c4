import { useEffect, useState } from "preact/hooks";
import type { Session } from "../job/session.js";

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Files of one iteration, by the start of their names. */
function groups(files: readonly string[]): [string, string[]][] {
  const byStart = new Map<string, string[]>();
  for (const name of files) {
    const iteration = /_it(\d+)_/.exec(name)?.[1];
    const key = iteration === undefined ? "Results" : `Iteration ${Number(iteration)}`;
    byStart.set(key, [...(byStart.get(key) ?? []), name]);
  }
  return [...byStart].sort(([a], [b]) =>
    a === "Results" ? -1 : b === "Results" ? 1 : Number(b.slice(10)) - Number(a.slice(10)),
  );
}

/** The files of a run: those that the command line writes. */
export function Downloads({ session }: { readonly session: Session }) {
  const [files, setFiles] = useState<readonly string[]>([]);
  const written = session.saved.value;
  const state = session.state.value;
  // Written again when the run ends: the report.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the files of a run change with these
  useEffect(() => {
    session.files().then(setFiles);
  }, [session, written, state]);
  const download = async (name: string) => save(await session.file(name), name);
  const everything = async () => {
    const folder = await showDirectoryPicker?.({ mode: "readwrite" });
    for (const name of files) {
      if (folder === undefined) {
        await download(name);
        continue;
      }
      const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await (await session.file(name)).stream().pipeTo(file);
    }
  };
  const [newest, ...older] = groups(files.filter((name) => name !== "events.jsonl"));
  if (newest === undefined) return null;
  const list = ([title, names]: [string, string[]]) => (
    <li key={title}>
      <h3>{title}</h3>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <button type="button" class="link" onClick={() => download(name)}>
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
      <ul>{list(newest)}</ul>
      {older.length > 0 && (
        <details>
          <summary>Earlier iterations</summary>
          <ul>{older.map(list)}</ul>
        </details>
      )}
      <button type="button" onClick={() => everything().catch(() => {})}>
        Save all files
      </button>
    </section>
  );
}
