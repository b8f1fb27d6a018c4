import type { RoomProps } from "../shell/rooms.js";

export default function Refine(_: RoomProps) {
  return <h1>Refine</h1>;
}
