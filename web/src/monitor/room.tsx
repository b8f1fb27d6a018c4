import "./monitor.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { duration } from "../../../src/app/report/numbers.js";
import { FileInput } from "../refine/file-input.js";
import { type Given, givenByDrop } from "../refine/give.js";
import { Notice } from "../shell/ui.js";
import { RunView } from "../view/run-view.js";
import { givenSource, openServer, token } from "./source.js";
import { Watch } from "./watch.js";

function Watched({ watch }: { readonly watch: Watch }) {
  const record = watch.record.value;
  const problem = watch.problem.value;
  const quiet = watch.quiet.value;
  const end = record?.end;
  const state =
    end === undefined
      ? watch.live.value
        ? "Running"
        : "Not ended"
      : { success: "Finished", failure: "Failed", aborted: "Stopped" }[end.status];
  return (
    <>
      <header class="room-head">
        <h1>{watch.name}</h1>
        <p class="quiet" role="status">
          {record === undefined ? "" : state}
        </p>
        {watch.live.value && quiet > 0 && (
          <p class="small quiet">Nothing told for {quiet < 60 ? `${quiet} min` : duration(60 * quiet)}</p>
        )}
      </header>
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
      {end?.message !== undefined && <Notice kind="problem">{end.message}</Notice>}
      <RunView model={watch} waiting={<p class="lead">No iteration has ended yet</p>} />
    </>
  );
}

/** Without a server beside the page: how to get one, or a folder to look at. */
function Invitation({ onGive }: { readonly onGive: (given: Given) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div class="monitor-invitation">
      <header>
        <h1>Watch a run</h1>
        <p class="lead">
          A refinement that runs without a screen, on this machine or through a tunnel to another one, is
          watched here as it goes: its map, its spectra, its pace.
        </p>
      </header>
      <section>
        <h2>Live</h2>
        <p>Where the job is, run</p>
        <pre>
          <code>cryotile monitor Refine3D/job012</code>
        </pre>
        <p>
          and open the address that it prints. It answers this machine alone, to those who have the address.
          On a remote machine, give it a port and a tunnel first:
        </p>
        <pre>
          <code>
            {
              "# there\ncryotile monitor Refine3D/job012 --port 8617\n# here\nssh -L 8617:127.0.0.1:8617 workstation"
            }
          </code>
        </pre>
      </section>
      <section>
        <h2>A folder</h2>
        <p>
          Or drop the folder of a job on this page, one of <code>cryotile refine</code> or of RELION: it is
          shown as it stands, and stays on this machine.
        </p>
        <p>
          <button type="button" onClick={() => input.current?.click()}>
            Choose a folder
          </button>
          <FileInput folder hidden label="Folder of a job" input={input} onGive={onGive} />
        </p>
      </section>
    </div>
  );
}

/** A folder that was given is there when the visitor comes back to the room. */
let given: Watch | undefined;

export default function Monitor() {
  const [watch, setWatch] = useState(given);
  const [problem, setProblem] = useState<string>();
  const show = (next: Watch) => {
    setProblem(undefined);
    setWatch((before) => {
      before?.close();
      return next;
    });
    next.start();
  };
  const give = ({ files }: Given) => {
    try {
      given = new Watch(givenSource(files));
      show(given);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  useEffect(() => {
    let opened: Watch | undefined;
    let left = false;
    if (token !== null)
      openServer(token).then(
        (source) => {
          if (left) return;
          opened = new Watch(source);
          show(opened);
        },
        (error: Error) => setProblem(error.message),
      );
    const over = (event: DragEvent) => event.preventDefault();
    const drop = async (event: DragEvent) => {
      event.preventDefault();
      if (event.dataTransfer === null) return;
      try {
        const dropped = await givenByDrop(event.dataTransfer);
        if (dropped.files.length > 0) give(dropped);
      } catch (error) {
        setProblem((error as Error).message);
      }
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      left = true;
      opened?.close();
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, []);
  return (
    <>
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
      {watch !== undefined ? <Watched key={watch.key} watch={watch} /> : <Invitation onGive={give} />}
    </>
  );
}
