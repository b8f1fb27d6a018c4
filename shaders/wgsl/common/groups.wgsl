// Workgroups of a launch are numbered along one axis and dispatched in rows of 32768.
fn group_index(wid: vec3u) -> u32 {
  return p.first_group + wid.x + wid.y * 32768u;
}
