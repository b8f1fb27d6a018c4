"""The screen against float64: bounds of scores, selected sets, hostile inputs. Each returns a line and whether it holds."""

import math
from dataclasses import replace

import torch
from problem import Problem, exact, log_zero, make, selection
from screen import Screen

slack = 1e-4  # nats from the threshold inside which fp32 inputs leave a member open


def compare(problem: Problem, screen: Screen, particles, cap: int = 2**31 - 1) -> dict:
    """Largest |L' - L| / bound, rms and largest |e| / (u sqrt V), members lost or added, error of the sums."""
    found = dict(ratio=0.0, rms=0.0, worst=0.0, rows=0.0, lost=0, added=0, members=0, sum=0.0, best=0, runs=0)
    squares, count = 0.0, 0
    log_max, total, best, counted = screen.log_max.cpu(), screen.sum.cpu(), screen.best_sample.cpu(), screen.count.cpu()
    run_start, run_group, first = screen.run_start.cpu(), screen.run_group.cpu(), screen.first_sample.cpu()
    state = screen.state.cpu()
    for i in particles:
        scores, variance = exact(problem, i)
        screened = screen.screened(i)
        bound = screen.bound[i, : scores.shape[0]].double()[:, None]
        use = torch.isfinite(screened) & (scores > -1e29)
        error = (screened - scores).abs()
        if bool(use.any()):
            found["ratio"] = max(found["ratio"], float((error / bound)[use].max()))
            if state[i] == 0:
                unit = (error / (2**-11 * variance.sqrt()[:, None]))[use & (variance[:, None] > 0)]
                if unit.numel() > 0:
                    squares, count = squares + float((unit**2).sum()), count + unit.numel()
                    found["worst"] = max(found["worst"], float(unit.max()))
        # Largest score of every row, written or not.
        w = screen.words
        tops = screen.row_max.view(-1, w["stride"], w["chunks"])[i, : scores.shape[0]].double().amax(1)
        right = scores.amax(1)
        rows = torch.where((tops < -1e29) & (right < -1e29), torch.zeros_like(tops), (tops - right).abs() / bound[:, 0].clamp(min=1e-3))
        if state[i] == 0:
            found["rows"] = max(found["rows"], float(rows.max()))
        members, threshold, mass = selection(scores, 1 - screen.tail, cap)
        kept = screen.kept(i).cuda()
        found["members"] += members.numel()
        flat = scores.flatten()
        near = (flat - threshold).abs() < slack
        for name, a, b in (("lost", members, kept), ("added", kept, members)):
            odd = a[~torch.isin(a, b)]
            found[name] += int((~near[odd]).sum()) if odd.numel() > 0 else 0
        if mass > 0:
            found["sum"] = max(found["sum"], abs(float(total[i]) / mass - 1), abs(float(log_max[i]) - float(flat.max())) / (1 + 1e-3 * abs(float(flat.max()))))
            found["best"] += int(float(flat.max() - flat[best[i]]) > slack)
            o = kept // problem.translations
            begins = torch.cat([o.new_ones(1, dtype=torch.bool), o[1:] != o[:-1]]).nonzero().flatten().cpu() + int(screen.start[i])
            found["runs"] += int(not torch.equal(begins, run_group[run_start[i] : run_start[i + 1]].long()))
            found["runs"] += int(not bool((kept[1:] > kept[:-1]).all())) + int(int(counted[i]) > kept.numel())
        else:
            found["best"] += int(float(total[i]) != 0 or kept.numel() > 0)
    found["rms"] = math.sqrt(squares / max(count, 1))
    return found


def fresh(problem: Problem, variant: str, capacity: int, own_whitening: bool = False, **options) -> Screen:
    screen = Screen(problem, variant, capacity, **options)
    if own_whitening:
        screen.whitening.copy_(problem.whitening)
    else:
        screen.whiten()
    screen.prepare()
    screen.run()
    torch.cuda.synchronize()
    return screen


def line(name: str, variant: str, f: dict, r: dict) -> str:
    return (
        f"{name:22s} {variant:12s} e/B {f['ratio']:5.2f} rows {f['rows']:5.2f} unit {f['rms']:4.2f}/{f['worst']:4.2f} set {f['members']:6d} "
        f"-{f['lost']} +{f['added']} best {f['best']} runs {f['runs']} sum {f['sum']:.0e} B {r['bound']:.2g} fp32 {r['wide']}+{r['broken']} kept {r['candidates']}>{r['kept']}"
    )


def good(f: dict) -> bool:
    # exp of float32 scores near zero and the rest at screened precision: the sum may be off by the tail times the bound.
    return f["lost"] == f["added"] == f["best"] == f["runs"] == 0 and f["sum"] < 2e-3 and f["ratio"] <= 1 and f["rows"] <= 1


def hostile(seed: int, variants: list[str]):
    """Name, problem, options, what must hold beside `good` of (found, reports)."""
    base = make(13, 700, 21, 24, None, 12.0, seed)
    i, o, t, k = base.shape
    g = torch.Generator(device="cuda").manual_seed(seed + 1)
    yield "ordinary", base, {}, lambda f, r: 0.35 < f["rms"] < 0.65 and f["worst"] < 4
    yield "high snr", make(13, 700, 29, 24, 155, 150.0, seed + 2), {}, lambda f, r: True
    yield "noise", make(5, 3000, 5, 24, 37, 0.01, seed + 3), {}, lambda f, r: f["members"] > 5000
    yield "many translations", make(3, 130, 300, 24, None, 8.0, seed + 4), {}, lambda f, r: True
    yield "one translation", make(9, 1500, 1, 24, None, 8.0, seed + 5), {}, lambda f, r: True
    yield "one orientation", make(9, 1, 21, 24, None, 8.0, seed + 6), {}, lambda f, r: True
    yield "zero reference", replace(base, slices=torch.zeros_like(base.slices)), {}, lambda f, r: True
    yield "zero images", replace(base, images=torch.zeros_like(base.images)), {}, lambda f, r: True
    ties = base.slices[:1].repeat(o, 1).contiguous()
    yield "ties", replace(base, slices=ties), {}, lambda f, r: f["members"] >= o
    near = base.slices[:1] + 1e-3 * (base.slices - base.slices[:1])
    yield "near ties", replace(base, slices=near.contiguous()), {}, lambda f, r: True
    images = base.images.clone()
    images[3] *= 1e5
    images[4] *= 1e3
    images[5] *= 1e-4
    yield "scaled images", replace(base, images=images), {}, lambda f, r: r["wide"] >= 1
    weights = base.weights.clone()
    shell = torch.sqrt(((base.xy & 0xFFFF) ** 2 + (base.xy >> 16) ** 2).float()).round() == 5
    weights[2, shell] *= 1e6
    weights[7, shell] *= 1e4
    yield "loud shell", replace(base, weights=weights), {}, lambda f, r: r["wide"] >= 1
    broken = base.images.clone()
    broken[1, 7] = float("nan")
    broken[6, 0] = float("inf")
    yield "not numbers", replace(base, images=broken), {}, lambda f, r: r["wide"] == 2
    tiny = base.slices.clone()
    tiny[::3] *= 1e-7
    tiny[1::3] *= 1e-4
    yield "subnormals", replace(base, slices=tiny), {}, lambda f, r: True
    yield "huge reference", replace(base, slices=base.slices * 1e6, images=base.images * 1e6, weights=base.weights * 1e-12, whitening=base.whitening), {}, lambda f, r: True
    prior = torch.full((i, o), log_zero, device="cuda")
    prior.scatter_(1, torch.randint(0, o, (i, 9), generator=g, device="cuda"), -1.0)
    prior[4] = log_zero
    shifts = base.translation_prior.clone()
    shifts[:, 3] = log_zero
    yield "own priors", replace(base, orientation_prior=prior, translation_prior=shifts), {}, lambda f, r: True
    single = torch.full((o,), log_zero, device="cuda")
    single[17] = 0
    one = torch.full((i, t), log_zero, device="cuda")
    one[:, 2] = 0
    yield "single sample", replace(base, orientation_prior=single, translation_prior=one), {}, lambda f, r: f["members"] == i
    yield "at most 3", base, {"cap": 3}, lambda f, r: True
    # Rounding errors of the slices all with the sign of image 0 without shift.
    wave = base.images[0] * base.weights[0] * base.ctf[0] * base.whitening
    down = lambda v, s: s * torch.trunc(v.abs() / 2.0**-10 / torch.exp2(torch.floor(torch.log2(v.abs() + 1e-30)))) * 2.0**-10 * torch.exp2(torch.floor(torch.log2(v.abs() + 1e-30)))
    white = base.slices / base.whitening
    half = lambda v, b: (down(v, torch.sign(v)) + torch.sign(b) * 0.49 * 2.0**-10 * torch.exp2(torch.floor(torch.log2(v.abs() + 1e-30))))
    coherent = torch.complex(half(white.real, wave.real), half(white.imag, wave.imag)) * base.whitening
    yield "coherent rounding", replace(base, slices=coherent.contiguous()), {"guarded": True, "own_whitening": True}, lambda f, r: True
    # Two samples, the second at a weight that brings the sum to 0.999 + 1e-6 or - 1e-6, and others far below.
    for sign in (-1, 1):
        steps = torch.full((o,), log_zero, device="cuda")
        steps[5] = 0
        steps[400] = math.log(1e-3 + sign * 1e-6)
        steps[600:] = math.log(1e-3 * 1e-3 / 100)
        flat = torch.full((i, t), log_zero, device="cuda")
        flat[:, 0] = 0
        yield f"mass 0.999 {'+' if sign < 0 else '-'} 1e-6", replace(base, slices=ties, orientation_prior=steps, translation_prior=flat), {}, lambda f, r: True


def run(seed: int, variants: list[str]) -> tuple[list[str], int]:
    lines, failures = [], 0
    for name, problem, options, holds in hostile(seed, variants):
        sets = []
        for variant in variants:
            guarded = options.get("guarded", False)
            screen = fresh(problem, variant, 200000, **{k: v for k, v in options.items() if k != "guarded"})
            f = compare(problem, screen, range(problem.shape[0]), options.get("cap", 2**31 - 1))
            r = screen.reports()
            ok = (good(f) or guarded and f["lost"] == f["added"] == 0) and holds(f, r)
            failures += not ok
            sets.append(screen.first_sample[: int(screen.start[-1])].clone())
            if not ok or variant == variants[-1]:
                lines.append(("ok   " if ok else "FAIL ") + line(name, variant, f, r))
    return lines, failures
