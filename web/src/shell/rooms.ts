import type { ComponentType } from "preact";
import type { Route } from "./route.js";

export interface RoomProps {
  readonly route: Route;
}

/** A room of the page. Its module is loaded when the room is entered and exports the component as default. */
export interface Room {
  readonly path: string;
  readonly name: string;
  readonly load: () => Promise<{ readonly default: ComponentType<RoomProps> }>;
}

export const rooms: readonly [Room, ...Room[]] = [
  { path: "refine", name: "Refine", load: () => import("../refine/room.js") },
  { path: "monitor", name: "Monitor", load: () => import("../monitor/room.js") },
  { path: "teach", name: "Teach", load: () => import("../teach/room.js") },
];
