import { signal } from "@preact/signals";

/** Where the visitor is: `#/teach/gsd/3?tile=16` is room teach, parts gsd and 3, query tile=16. */
export interface Route {
  readonly room: string;
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

/** A part of an address; as it stands where its escapes are none. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [room = "", ...parts] = path.split("/").filter(Boolean).map(decoded);
  return { room, parts, query: new URLSearchParams(query) };
}

export function formatHash(
  room: string,
  parts: readonly (string | number)[] = [],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const path = [room, ...parts].map((part) => encodeURIComponent(part)).join("/");
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)]],
  );
  const search = new URLSearchParams(pairs).toString();
  return `#/${path}${search === "" ? "" : `?${search}`}`;
}

export const route = signal(parseHash(location.hash));
addEventListener("hashchange", () => {
  route.value = parseHash(location.hash);
});

/** Go to a place; `replace` leaves no step in the history: for state that changes while one looks. */
export function go(
  room: string,
  parts: readonly (string | number)[] = [],
  query: Readonly<Record<string, string | number | undefined>> = {},
  { replace = false } = {},
): void {
  const hash = formatHash(room, parts, query);
  if (hash === location.hash) return;
  if (!replace) location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    route.value = parseHash(hash);
  }
}
