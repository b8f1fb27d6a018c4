// (cos, sin) of 2 pi turns to float32 accuracy: the built-in functions may be off by 2^-11.
fn cis_turns(turns: f32) -> vec2f {
  let part = turns - round(turns);
  let quarter = round(4.0 * part);
  let f = (part - 0.25 * quarter) * 6.283185307179586;
  let f2 = f * f;
  let s = f * (1.0 + f2 * (-1.6666667e-1 + f2 * (8.3333333e-3 + f2 * (-1.9841270e-4 + f2 * 2.7557319e-6))));
  let c = 1.0 + f2 * (-0.5 + f2 * (4.1666667e-2 + f2 * (-1.3888889e-3 + f2 * 2.4801587e-5)));
  switch i32(quarter) & 3 {
    case 0: { return vec2f(c, s); }
    case 1: { return vec2f(-s, c); }
    case 2: { return vec2f(-c, -s); }
    default: { return vec2f(s, -c); }
  }
}

// sin(pi x) / (pi x)
fn sinc(x: f32) -> f32 {
  return select(cis_turns(0.5 * x).y / (3.141592653589793 * x), 1.0, abs(x) < 1e-6);
}
