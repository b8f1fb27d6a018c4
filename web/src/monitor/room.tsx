import type { RoomProps } from "../shell/rooms.js";

export default function Monitor(_: RoomProps) {
  return <h1>Monitor</h1>;
}
