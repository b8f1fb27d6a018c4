import type { RoomProps } from "../shell/rooms.js";

export default function Teach(_: RoomProps) {
  return <h1>Teach</h1>;
}
