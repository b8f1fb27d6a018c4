import { useEffect, useState } from "preact/hooks";
import type { GivenFile } from "../job/given-files.js";
import type { Session } from "../job/session.js";
import { busyJobs, untilFree } from "../job/store.js";
import { formatHash } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { RunView } from "../view/run-view.js";
import { Downloads } from "./downloads.js";
import { FileInput } from "./file-input.js";
import { filesOf, type Handles, keptHandles } from "./handles.js";
import { MemoryField } from "./memory-field.js";
import { RuntimeField } from "./runtime-choice.js";
import { openSession } from "./state.js";

const states: Readonly<Record<Session["state"]["value"], string>> = {
  resting: "Not running",
  running: "Refining",
  paused: "Paused",
  stopping: "Stopping",
  success: "Finished",
  aborted: "Stopped",
  failure: "Failed",
};

function Controls({ session }: { readonly session: Session }) {
  const state = session.state.value;
  const [runtime, setRuntime] = useState(session.runtime.value);
  const [memory, setMemory] = useState(session.memory.value);
  const live = session.live.value;
  const record = session.record.value;
  const done = record?.iterations.at(-1)?.iteration;
  const complete = state === "success";
  const [kept, setKept] = useState<Handles>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    keptHandles(session.job.id).then(setKept);
  }, [session]);
  const give = async (files: readonly GivenFile[] | Promise<readonly GivenFile[]>) => {
    try {
      session.give(await files);
      setProblem(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const { needsInput } = session;
  // What was given before may be what it failed for.
  const asksInput = needsInput || (state === "failure" && !session.job.inputStored);
  const goOn = (event: Event) => {
    event.preventDefault();
    if (!live && !needsInput) session.goOn(runtime, memory);
  };
  return (
    <form class="refine-controls" onSubmit={goOn}>
      {live ? (
        <p class="refine-buttons">
          {state === "paused" ? (
            <button type="button" onClick={() => session.resume()}>
              Resume
            </button>
          ) : (
            <button type="button" disabled={state === "stopping"} onClick={() => session.pause()}>
              Pause
            </button>
          )}
          <button type="button" disabled={state === "stopping"} onClick={() => session.stop()}>
            Stop
          </button>
        </p>
      ) : (
        !complete && (
          <>
            {asksInput && (
              <p>
                The particles were not copied into this browser. To go on,{" "}
                {kept !== undefined && (
                  <>
                    <button type="button" onClick={() => give(filesOf(kept))}>
                      read {kept.map(({ name }) => name).join(", ")} again
                    </button>{" "}
                    or{" "}
                  </>
                )}
                give the same folder again:{" "}
                <FileInput
                  folder
                  label="Folder with the particles of this refinement"
                  onGive={({ files }) => give(files)}
                />
              </p>
            )}
            {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
            <p class="refine-buttons">
              <button type="submit" class="primary" disabled={needsInput}>
                {done === undefined ? "Start again" : `Continue after iteration ${done}`}
              </button>
            </p>
          </>
        )
      )}
      {!complete && (
        <RuntimeField
          value={live ? session.runtime.value : runtime}
          disabled={state === "stopping" || state === "paused"}
          onChange={(choice) => {
            setRuntime(choice);
            if (live) session.switchTo(choice);
          }}
        />
      )}
      {!complete && !live && <MemoryField value={memory} onChange={setMemory} />}
    </form>
  );
}

function Waiting({ session }: { readonly session: Session }) {
  const stage = session.stage.value;
  if (stage !== undefined)
    return (
      <>
        <p class="lead">{stage.text}</p>
        <progress value={stage.done} max={stage.total} aria-label={stage.text} />
      </>
    );
  const text =
    session.saved.value !== undefined
      ? "Reading the map"
      : session.live.value
        ? "Reading the particles"
        : "No map yet";
  return <p class="lead">{text}</p>;
}

/** A refinement of this tab, or one that an earlier visit left. */
export function SessionView({ id }: { readonly id: string }) {
  const [session, setSession] = useState<Session | "missing">();
  useEffect(() => {
    openSession(id).then((found) => setSession(found ?? "missing"));
  }, [id]);
  const resting = typeof session === "object" && session.state.value === "resting";
  const [elsewhere, setElsewhere] = useState(false);
  useEffect(() => {
    setElsewhere(false);
    if (typeof session !== "object" || !resting) return;
    const left = new AbortController();
    const look = async () => {
      if (!(await busyJobs())(id)) return;
      setElsewhere(true);
      await untilFree(id, left.signal);
      await session.load();
      setElsewhere(false);
    };
    // Who leaves waits no longer.
    look().catch((error: Error) => {
      if (!left.signal.aborted) session.problem.value = error.message;
    });
    return () => left.abort();
  }, [session, resting, id]);
  if (session === undefined) return null;
  if (session === "missing")
    return (
      <Notice kind="problem">
        This browser has no refinement {id}. <a href={formatHash("refine")}>Begin another one</a>.
      </Notice>
    );
  const state = session.state.value;
  const problem = session.problem.value;
  return (
    <>
      <header class="room-head">
        <h1>{session.job.title}</h1>
        <p class="quiet" role="status">
          {elsewhere ? "Running in another tab" : states[state]}
        </p>
      </header>
      {session.notices.value.map((text) => (
        <Notice key={text}>{text}</Notice>
      ))}
      {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
      {!session.stored && (
        <Notice>This browser stores nothing for pages: results are gone when the tab is closed.</Notice>
      )}
      {elsewhere && (
        <Notice>
          Another tab works on this refinement; here it stands as it was when this page was opened, until that
          tab is done.
        </Notice>
      )}
      <RunView
        model={session}
        waiting={<Waiting session={session} />}
        after={session.saved.value !== undefined && <Downloads session={session} />}
      >
        {!elsewhere && <Controls session={session} />}
      </RunView>
    </>
  );
}
