import "./refine.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RoomProps } from "../shell/rooms.js";
import { go, route } from "../shell/route.js";
import { Notice } from "../shell/ui.js";
import { givenByDrop, together } from "./give.js";
import { Landing } from "./landing.js";
import { SessionView } from "./session-view.js";
import { Setup } from "./setup.js";
import { openSession, pending } from "./state.js";

export default function Refine({ route: here }: RoomProps) {
  const [over, setOver] = useState(false);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const drag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(event.type !== "dragleave" || event.relatedTarget !== null);
    };
    const drop = async (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(false);
      try {
        const given = await givenByDrop(event.dataTransfer);
        if (given.files.length === 0) return;
        setProblem(undefined);
        const [where] = route.value.parts;
        const session = where === undefined || where === "new" ? undefined : await openSession(where);
        if (session?.needsInput) return session.give(given.files);
        pending.value = together(where === "new" ? pending.value : undefined, given);
        go("refine", ["new"]);
      } catch (error) {
        setProblem((error as Error).message);
      }
    };
    addEventListener("dragover", drag);
    addEventListener("dragleave", drag);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", drag);
      removeEventListener("dragleave", drag);
      removeEventListener("drop", drop);
    };
  }, []);
  const [place] = here.parts;
  const seen = useRef(place);
  useEffect(() => {
    if (seen.current === place) return;
    seen.current = place;
    document.getElementById("content")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [place]);
  return (
    <>
      {over && <div class="refine-over">Drop a folder with a particle STAR file and its stacks</div>}
      {problem !== undefined && <Notice kind="problem">The files could not be read: {problem}</Notice>}
      {place === undefined ? (
        <Landing route={here} />
      ) : place === "new" ? (
        <Setup />
      ) : (
        <SessionView key={place} id={place} />
      )}
    </>
  );
}
