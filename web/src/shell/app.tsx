import { type ComponentType, Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type RoomProps, rooms } from "./rooms.js";
import { formatHash, route } from "./route.js";
import { theme, themes } from "./theme.js";
import { Notice } from "./ui.js";

const titles = { auto: "as the system", light: "light", dark: "dark" } as const;

function ThemeButton() {
  const next = themes[(themes.indexOf(theme.value) + 1) % themes.length];
  return (
    <button
      type="button"
      class="plain theme"
      onClick={() => {
        theme.value = next;
      }}
      aria-label={`Theme: ${titles[theme.value]}. Change to ${titles[next]}.`}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.5" />
        {theme.value !== "light" && (
          <path
            d={theme.value === "dark" ? "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14z" : "M10 3a7 7 0 0 1 0 14z"}
            fill="currentColor"
          />
        )}
      </svg>
    </button>
  );
}

// A file that is dropped where no room takes it would be opened instead of the page, which ends what runs in it.
for (const type of ["dragover", "drop"] as const)
  addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });

type Loaded = { readonly path: string; readonly Room: ComponentType<RoomProps> };

export function App() {
  const here = route.value;
  const room = rooms.find(({ path }) => path === here.room) ?? rooms[0];
  const [loaded, setLoaded] = useState<Loaded>();
  const [problem, setProblem] = useState<string>();
  const main = useRef<HTMLElement>(null);
  const entered = useRef(false);
  useEffect(() => {
    let current = true;
    document.title = `${room.name} – CryoTile`;
    setProblem(undefined);
    room.load().then(
      (module) => {
        if (!current) return;
        setLoaded({ path: room.path, Room: module.default });
        // The page as it opens leaves the focus to the visitor; a change of rooms is told by it.
        if (entered.current) main.current?.focus({ preventScroll: true });
        entered.current = true;
        scrollTo(0, 0);
      },
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [room]);
  return (
    <Fragment>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="bar">
        <a class="wordmark" href={formatHash(rooms[0].path)} aria-label="CryoTile, to the first room">
          <svg viewBox="0 0 26 26" aria-hidden="true">
            <path d="M0 0h12v12H0z" opacity=".35" />
            <path d="M14 0h12v12H14zM0 14h12v12H0z" />
            <path d="M14 14h12v12H14z" opacity=".65" />
          </svg>
          CryoTile
        </a>
        <nav aria-label="Rooms">
          {rooms.map(({ path, name }) => (
            <a key={path} href={formatHash(path)} aria-current={path === room.path ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </header>
      <main id="content" ref={main} tabIndex={-1} data-room={room.path}>
        {problem !== undefined && (
          <Notice kind="problem">This room could not be loaded: {problem}. Reload the page.</Notice>
        )}
        {loaded?.path === room.path && <loaded.Room route={here} />}
      </main>
    </Fragment>
  );
}
