// The orientation of row `row` of a particle whose candidates, `own` of a class, begin at `first`: rows by class and candidate.
fn listed_orientation(row: u32, first: u32, own: u32, candidates: u32) -> u32 {
  return row / own * candidates + first + row % own;
}
