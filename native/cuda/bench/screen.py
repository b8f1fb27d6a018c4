"""The screen of a batch on the device: buffers, launches, results."""

import math
import os

import numpy as np
import torch
from driver import Module, tensor_map
from problem import Problem

here = os.environ.get("CUBINS", "/tmp/cubins")
_modules: dict[str, Module] = {}


def module(name: str) -> Module:
    if name not in _modules:
        _modules[name] = Module(f"{here}/{name}.cubin")
    return _modules[name]


def up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


# kernel: columns of a tile, segments that its shared memory holds, module
def hopper(n: int):
    ring = (128 + n) * 128 * 4 + 16 * 4 + 16
    scores = up(8 * n + 128 * (n // 8 + 1) * 4 + 128 * 4 + n // 8 * 4 + n, 16)
    return f"screen_scores_{n}", n, (232448 - up(ring, 128) - scores) // 1024, f"screen_scores_{n}"


variants = {"128": ("screen_scores", 128, 16, "screen_product"), "h 240": hopper(240), "h 256": hopper(256)}
dynamic_bytes = {"screen_product": 65536, "screen_scores_240": 232448, "screen_scores_256": 232448, "screen_energy_hopper": 197632, "screen_direct": 65792}
processors = 0
bins = 2048
report_names = ["bound", "ratio", "wide", "broken", "candidates", "kept", "audited"]


class Screen:
    """`run` screens and selects; `marks` are (name, event) after each step when timed."""

    def __init__(self, problem: Problem, variant: str, capacity: int, fraction: float = 0.999, cap: int = 2**31 - 1, limit: float = 5.0, seed: int = 1):
        global processors
        processors = torch.cuda.get_device_properties(0).multi_processor_count
        self.p, self.variant, self.tail, self.limit = problem, variant, 1 - fraction, limit
        self.kernel, n, room, self.source = variants[variant]
        i, o, t, k = problem.shape
        self.hopper = self.source != "screen_product"
        chunks = -(-t // n)
        chunk = -(-t // chunks)
        per_tile = 1 if chunks > 1 else min(n // chunk, n // 8, room)
        segments = i * chunks
        column_tiles = -(-segments // per_tile)
        stride = up(o, 128)
        audit = max(1, math.ceil(1e4 / t))
        self.width, self.energy_width = up(2 * k, 64), up(k, 64)
        blocks = -(-o * chunks // 1024)
        size = problem.size
        mask_words = -(-chunk // 32)
        self.words = dict(
            particles=i, orientations=o, translations=t, pixels=k, width=self.width, energy_width=self.energy_width, stride=stride, tile=n,
            per_tile=per_tile, chunks=chunks, chunk=chunk, segments=segments, column_tiles=column_tiles, words=mask_words, blocks=blocks,
            prior_per_particle=int(problem.orientation_prior.dim() == 2), audit_stride=audit, audits=-(-o // audit), seed=seed,
            capacity=max(2 * capacity, o * t) + 128 * i, children=32, group_capacity=capacity, run_capacity=capacity, cap=cap, scale=0,
        )
        self.screen = torch.tensor(list(self.words.values()), dtype=torch.int64).to(torch.int32).cuda()

        def empty(*shape, dtype=torch.float32):
            return torch.empty(*shape, dtype=dtype, device="cuda").fill_(float("nan") if dtype.is_floating_point else 0x3FFF)

        half, u32 = torch.float16, torch.int32
        self.peak = torch.zeros(1, dtype=u32, device="cuda")
        self.slices = empty(o, self.width, dtype=half)
        self.power = empty(o, 2 * self.energy_width, dtype=half)
        self.scales = empty(i, 4)
        self.shifted, self.energy, self.whitening = empty(i * t, k, 2), empty(i, k), empty(k)
        self.columns = empty(i * t, self.width, dtype=half)
        self.factors = empty(up(i, 8) * 2, 2 * self.energy_width, dtype=half)
        self.base, self.bound = empty(i, stride), empty(i, stride)
        self.row_max = empty(i * stride * chunks)
        self.best, self.state, self.largest, self.ratio = (torch.zeros(i, dtype=u32, device="cuda") for _ in range(4))
        self.redo = torch.zeros(2, i + 1, dtype=u32, device="cuda")
        self.histogram = torch.zeros(i, bins, dtype=u32, device="cuda")
        self.masks = empty(i * stride * chunks * mask_words, dtype=u32)
        self.cut = empty(i)
        self.scores = torch.empty(column_tiles * o * n, dtype=torch.int16, device="cuda").fill_(1)
        self.counts = empty(i * blocks + 1, dtype=u32)
        self.sample, self.particle = empty(self.words["capacity"], dtype=u32), empty(self.words["capacity"], dtype=u32)
        self.below, self.exact = empty(self.words["capacity"]), empty(self.words["capacity"])
        self.log_max, self.sum, self.threshold = empty(i), empty(i), empty(i)
        self.best_sample, self.count, self.key = (empty(i, dtype=u32) for _ in range(3))
        self.start, self.run_start = empty(i + 1, dtype=u32), empty(i + 1, dtype=u32)
        self.first_sample, self.run_group = empty(capacity, dtype=u32), empty(capacity + 1, dtype=u32)
        self.report = torch.zeros(7, dtype=u32, device="cuda")
        if self.hopper:
            self.maps = [tensor_map(self.slices, 128), tensor_map(self.columns, n), tensor_map(self.power, 128), tensor_map(self.factors, 256)]
        self.marks: list[tuple[str, torch.cuda.Event]] | None = None

    def mark(self, name: str) -> None:
        if self.marks is None:
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self.marks.append((name, event))

    def launch(self, source: str, kernel: str, grid: int, block: int, args: list) -> None:
        module(source).launch(kernel, grid, block, args, dynamic_bytes.get(source, 0))

    def whiten(self) -> None:
        i, o, t, k = self.p.shape
        self.launch("screen_operands", "screen_whitening", -(-k // 256), 256, [self.p.weights, self.whitening, k, i])

    def prepare(self) -> None:
        """Operands of the slices."""
        p, (i, o, t, k) = self.p, self.p.shape
        source = "screen_operands"
        self.peak.zero_()
        self.launch(source, "screen_slice_peak", 8 * processors, 256, [p.slices, self.whitening, self.peak, np.uint64(o * k), k])
        count = o * self.energy_width
        self.launch(
            source, "screen_slices", -(-count // 256), 256,
            [p.slices, self.whitening, self.peak, self.slices, self.power, np.uint64(count), k, self.width, self.energy_width],
        )

    def operands(self) -> None:
        p, (i, o, t, k) = self.p, self.p.shape
        source = "screen_operands"
        count = i * t * k
        self.launch(
            "coarse_operands", "coarse_operands", -(-count // 256), 256,
            [p.images, p.ctf, p.weights, p.phases, p.xy, self.shifted, self.energy, np.uint64(count), k, t, p.size, t * (p.size // 2 + 1), 0],
        )
        self.launch(source, "screen_scales", i, 256, [self.shifted, self.energy, self.whitening, self.peak, self.scales, k, t])
        count = i * t * self.width // 2
        self.launch(
            source, "screen_columns", -(-count // 256), 256,
            [self.shifted, self.whitening, self.scales, self.columns, np.uint64(count), k, self.width, t],
        )
        count = up(i, 8) * self.energy_width
        self.launch(
            source, "screen_energy_rows", -(-count // 256), 256,
            [self.shifted, self.energy, self.whitening, self.scales, self.factors, np.uint64(count), i, k, self.energy_width, t],
        )

    def energies(self) -> None:
        p, stride = self.p, self.words["stride"]
        rows = self.factors.shape[0]
        after = [p.orientation_prior, self.scales, self.base, self.bound]
        if self.hopper:
            self.launch("screen_energy_hopper", "screen_energy_hopper", processors, 288, [self.screen, self.maps[2], self.maps[3], *after])
        else:
            self.launch("screen_product", "screen_energy", stride // 128 * -(-rows // 128), 256, [self.screen, self.power, self.factors, *after])

    def product(self) -> None:
        p = self.p
        tiles = self.words["stride"] // 128 * self.words["column_tiles"]
        after = [self.base, self.bound, p.translation_prior, self.scales, self.row_max, self.best, self.scores]
        if self.hopper:
            self.launch(self.source, self.kernel, min(tiles, processors), 288, [self.screen, self.maps[0], self.maps[1], *after])
        else:
            self.launch(self.source, self.kernel, tiles, 256, [self.screen, self.slices, self.columns, *after])

    def cut_round(self, number: int) -> None:
        i, o, _, _ = self.p.shape
        blocks = -(-o * self.words["chunks"] // 4096)
        self.launch(
            "screen_select", "screen_histogram", i * blocks, 256,
            [self.screen, self.row_max, self.bound, self.scores, self.best, self.state, self.histogram, self.largest, number, blocks],
        )
        self.mark("histogram")
        self.launch(
            "screen_select", "screen_cut", i, 256,
            [self.screen, self.histogram, self.largest, self.best, self.state, self.redo[0], self.cut, self.report, np.float64(self.tail), self.limit, number],
        )
        self.mark("cut")

    def direct(self, which: int) -> None:
        p = self.p
        self.launch(
            "screen_direct", "screen_direct", 2 * processors, 256,
            [self.screen, p.slices, self.shifted, self.energy, p.orientation_prior, p.translation_prior, self.redo[which], self.bound, self.row_max, self.best,
             self.scores],
        )
        self.mark("direct")

    def collect_round(self, number: int) -> None:
        p, (i, o, t, k) = self.p, self.p.shape
        grid = i * self.words["blocks"]
        redo = self.redo[1]
        self.launch(
            "screen_select", "screen_mark", grid, 256, [self.screen, self.row_max, self.bound, self.scores, self.cut, redo, self.masks, self.counts, number]
        )
        self.launch("screen_select", "screen_scan", 1, 1024, [self.counts, redo, grid, number])
        self.mark("mark")
        self.launch(
            "screen_select", "screen_list", grid, 256,
            [self.screen, self.row_max, self.scores, self.best, redo, self.masks, self.counts, self.sample, self.particle, self.below, number],
        )
        self.mark("list")
        operands = [self.screen, p.slices, self.shifted, self.energy]
        priors = [p.orientation_prior, p.translation_prior, self.bound]
        self.launch(
            "screen_rescore", "screen_rescore", 8 * processors, 256,
            [*operands, None, *priors, self.best, self.counts, self.sample, self.particle, self.below, self.state, redo, self.exact, self.ratio, number],
        )
        self.mark("rescore")
        if number == 0:
            self.launch(
                "screen_rescore", "screen_audit", -(-i * self.words["audits"] // 8), 256,
                [*operands, *priors, self.row_max, self.best, self.scores, self.state, self.ratio, self.report],
            )
            self.mark("audit")

    def run(self) -> None:
        i = self.p.shape[0]
        for buffer in (self.best, self.state, self.largest, self.ratio, self.redo, self.histogram):
            buffer.zero_()
        self.mark("start")
        self.operands()
        self.mark("operands")
        self.energies()
        self.mark("energies")
        self.product()
        self.mark("product")
        self.cut_round(0)
        self.direct(0)
        self.cut_round(1)
        self.collect_round(0)
        self.launch(
            "screen_rescore", "screen_guard", i, 256, [self.ratio, self.state, self.redo[1], self.histogram, self.largest, self.best, self.report]
        )
        self.direct(1)
        self.cut_round(2)
        self.collect_round(2)
        self.launch(
            "screen_decide", "screen_decide", i, 1024,
            [self.screen, self.counts, self.sample, self.below, self.exact, self.best, self.cut, self.histogram, self.log_max, self.sum, self.best_sample,
             self.threshold, self.key, self.count, self.start, self.run_start, self.report, np.float64(self.tail)],
        )
        self.mark("decide")
        for starts in (self.start, self.run_start):
            self.launch("screen_select", "screen_scan", 1, 1024, [starts, self.redo[1], i, 0])
        self.launch(
            "screen_decide", "screen_write", i, 1024,
            [self.screen, self.counts, self.sample, self.exact, self.key, self.count, self.start, self.run_start, self.first_sample, self.run_group],
        )
        self.mark("write")

    @property
    def overflow(self) -> bool:
        """More candidates, samples or runs than the lists hold: the caller splits the batch."""
        return int(self.start[-1]) > self.words["group_capacity"] or int(self.run_start[-1]) > self.words["run_capacity"]

    def kept(self, i: int) -> torch.Tensor:
        start = self.start.cpu()
        return self.first_sample[start[i] : start[i + 1]].long() // self.words["children"]

    def reports(self) -> dict:
        raw = self.report.cpu().numpy().view(np.uint32)
        found = dict(zip(report_names, raw.tolist()))
        for name in ("bound", "ratio"):
            found[name] = float(np.uint32(found[name]).view(np.float32)) if np.isscalar(found[name]) else 0.0
        return found

    def screened(self, i: int) -> torch.Tensor:
        """L'_ot of a particle in float64; not a number where a row was not written or the score is too deep."""
        w = self.words
        t = torch.arange(w["translations"], device="cuda")
        segment = i * w["chunks"] + t // w["chunk"]
        column = segment % w["per_tile"] * w["chunk"] + t % w["chunk"]
        place = (column & ~15) | (column & 6) << 1 | (column & 8) >> 2 | (column & 1)
        rows = self.scores.view(w["column_tiles"], w["orientations"], w["tile"])[segment // w["per_tile"]]
        steps = rows.gather(2, place[:, None, None].expand(-1, w["orientations"], 1))[..., 0].T.int() & 0xFFFF
        tops = self.row_max.view(-1, w["stride"], w["chunks"])[i, : w["orientations"]][:, t // w["chunk"]].double()
        best = tops.max()
        bound = self.bound[i, : w["orientations"]].double()[:, None]
        written = (tops > -1e29) & (tops + bound >= best - 32) & (steps < 65535)
        o = torch.arange(w["orientations"], device="cuda")
        x = (o ^ o >> 16) * 0x85EBCA6B & 0xFFFFFFFF
        x = (x ^ x >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
        offset = ((x ^ x >> 16) >> 8).double()[:, None] / 2**24
        return torch.where(written, tops - (steps + 0.5 - offset) / 2048, torch.full_like(tops, float("nan")))
