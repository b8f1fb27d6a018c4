"""Checks the screen of the coarse pass against float64 and times it: `bash native/cuda/bench/run.sh [seed]`."""

import json
import os
import statistics
import sys
import time

import torch
from check import compare, fresh, good, line, run
from driver import Module
from problem import make
from screen import Screen, here, variants

seed = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time()) % 100000
capability = torch.cuda.get_device_capability()
usable = [name for name in variants if capability[0] == 9 or not name.startswith("h ")]
records: dict = dict(device=torch.cuda.get_device_name(), seed=seed, cases=[])


def median_ms(work, repeats: int = 7) -> float:
    work()
    times = []
    for _ in range(repeats):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        work()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b))
    return statistics.median(times)


def rate(flops: float, ms: float) -> float:
    return flops / ms / 1e9


began = time.time()
print(f"{records['device']}, seed {seed}")
checked = usable
lines, failures = run(seed, checked)
quiet = os.environ.get("QUIET") == "1"
for text in lines:
    if not quiet or not text.startswith("ok"):
        print(text)
print(f"{len(lines)} hostile cases x {len(checked)} kernels: {failures} failures, {time.time() - began:.0f} s")

# name, particles, orientations, translations, size, pixels, energy, capacity, variants
cases = [
    ("target", 512, 36864, 21, 62, 1500, 100.0, 2**20, usable),
    ("emp order 3", 256, 36864, 29, 42, None, 80.0, 2**20, usable),
    ("first iterations", 256, 36864, 29, 22, None, 12.0, 2**24, usable),
    ("too many", 256, 36864, 29, 22, None, 12.0, 2**20, usable[-1:]),
]
for name, i, o, t, size, pixels, energy, capacity, names in cases:
    problem = make(i, o, t, size, pixels, energy, seed + 10)
    k = problem.shape[3]
    flops = 2.0 * o * i * t * 2 * k
    a = torch.randn(o, 2 * k, device="cuda").half()
    b = torch.randn(i * t, 2 * k, device="cuda").half()
    blas = median_ms(lambda: torch.matmul(a, b.T))
    a, b = a[: o // 8].float(), b.float()
    blas32 = median_ms(lambda: torch.matmul(a, b.T), 3) * 8
    del a, b
    print(f"{name}: {o} orientations x {t} x {k} pixels x {i} particles; cuBLAS fp16 {blas:.2f} ms {rate(flops, blas):.0f} TF/s, fp32 {blas32:.1f} ms")
    record = dict(name=name, shape=problem.shape, cublas_fp16_ms=blas, cublas_fp32_ms=blas32, variants={})
    if name == "target":
        simple = Module(f"{here}/direct.cubin")
        out = torch.empty(o * t, device="cuda")
        one = median_ms(
            lambda: simple.launch("direct", -(-o * t // 256), 256, [problem.slices, problem.images, problem.ctf, problem.weights, problem.phases, problem.xy, out, o, t, k, problem.size]), 3
        )
        record["direct_ms"] = one * i
        print(f"  direct, one particle at a time: {one * i:.0f} ms")
    for variant in names:
        if variant not in usable:
            continue
        try:
            screen = Screen(problem, variant, capacity)
            screen.whiten()
            once = median_ms(screen.prepare, 3)
            screen.run()
            phases: dict[str, list[float]] = {}
            for _ in range(7):
                screen.marks = []
                screen.run()
                torch.cuda.synchronize()
                spent: dict[str, float] = {}
                for (_, before), (what, after) in zip(screen.marks, screen.marks[1:]):
                    spent[what] = spent.get(what, 0) + before.elapsed_time(after)
                for what, ms in spent.items():
                    phases.setdefault(what, []).append(ms)
            screen.marks = None
            ms = {what: statistics.median(all_ms) for what, all_ms in phases.items()}
            whole = median_ms(screen.run)
            screen.report.zero_()
            screen.run()
            shown = " ".join(f"{what} {value:.2f}" for what, value in ms.items() if what not in ("cut", "audit", "direct"))
            print(
                f"  {variant:13s} product {rate(flops, ms['product']):4.0f} TF/s = {100 * blas / ms['product']:3.0f} % of cuBLAS, with energies {100 * blas / (ms['product'] + ms['energies']):3.0f} %; "
                f"all {whole:.2f} ms ({shown})"
            )
            record["variants"][variant] = dict(ms=ms, whole=whole, once=once, reports=screen.reports())
        except RuntimeError as error:
            print(f"  {variant:13s} {error}")
            torch.cuda.empty_cache()
    if screen.overflow != (name == "too many"):
        failures += 1
        print(f"  FAIL overflow {screen.overflow}")
    if not screen.overflow:
        found = compare(problem, screen, range(0, i, max(1, i // 6)))
        failures += not good(found)
        print(("  ok   " if good(found) else "  FAIL ") + line(f"slices {once:.2f} ms", variant, found, screen.reports()))
    records["cases"].append(record)
    del screen, problem
    torch.cuda.empty_cache()
print(f"{failures} failures, {time.time() - began:.0f} s")
out = os.environ.get("OUT")
if out:
    with open(f"{out}/screen.json", "w") as file:
        json.dump(records, file, indent=1)
sys.exit(failures > 0)
