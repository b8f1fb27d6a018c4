"""Coarse passes to screen, and what float64 makes of them."""

from dataclasses import dataclass

import torch


@dataclass
class Problem:
    size: int
    xy: torch.Tensor  # packed pixels
    slices: torch.Tensor  # [o][k] complex64
    images: torch.Tensor  # [i][k] complex64
    ctf: torch.Tensor
    weights: torch.Tensor
    whitening: torch.Tensor  # [k]
    phases: torch.Tensor  # complex64, as makePhases
    translations: int
    orientation_prior: torch.Tensor  # [o] or [i][o]
    translation_prior: torch.Tensor  # [i][t]

    @property
    def shape(self):
        return self.images.shape[0], self.slices.shape[0], self.translations, self.xy.shape[0]


log_zero = -1e30


def pixels_of(size: int, count: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """(x, y) of half-transform pixels inside size / 2 without mates, row by row; the origin left out."""
    found = []
    for j in range(size):
        y = j if j <= size // 2 else j - size
        for x in range(size // 2 + 1):
            if (x == 0 and y <= 0) or x * x + y * y > (size / 2) ** 2:
                continue
            found.append((x, y))
    if count is not None:
        if len(found) < count:
            raise ValueError(f"size {size} has {len(found)} pixels")
        found = sorted(found, key=lambda q: q[0] ** 2 + q[1] ** 2)[:count]
    xy = torch.tensor(found)
    return xy[:, 0], xy[:, 1]


def make(
    particles: int, orientations: int, translations: int, size: int, pixels: int | None, energy: float, seed: int, box: int = 128, reach: float = 3.0
) -> Problem:
    """Slices that vary smoothly with three angles, images of them with CTF, shift and coloured noise; energy: mean 1/2 sum w |C S|^2, nats."""
    g = torch.Generator(device="cuda").manual_seed(seed)
    x, y = (v.cuda() for v in pixels_of(size, pixels))
    k = x.shape[0]
    radius = torch.sqrt((x * x + y * y).double())

    def normal(*shape):
        return torch.randn(*shape, generator=g, device="cuda")

    modes = 48
    frequencies = torch.randint(-3, 4, (modes, 3), generator=g, device="cuda").float()
    angles = torch.rand(orientations, 3, generator=g, device="cuda")
    turns = 2 * torch.pi * (angles @ frequencies.T + torch.rand(modes, generator=g, device="cuda"))
    falloff = torch.exp(-radius.float() / (size / 6))
    basis = torch.complex(normal(modes, k), normal(modes, k)) * falloff
    slices = torch.cos(turns).to(torch.complex64) @ basis
    group = torch.arange(particles, device="cuda") % 4
    sigma2 = (1 + 3 * torch.exp(-radius.float() / (size / 8))) * (1 + 0.1 * torch.arange(4, device="cuda")[:, None])
    c = torch.sin(0.6 + (0.02 + 0.01 * torch.rand(particles, 1, generator=g, device="cuda")) * radius.float() ** 2)
    truth = torch.randint(0, orientations, (particles,), generator=g, device="cuda")
    some = slice(0, min(64, particles))
    mean = (0.5 * (c[some] * slices[truth[some]]).abs() ** 2 / sigma2[group[some]]).sum(1).mean()
    slices *= torch.sqrt(energy / mean)
    t = ((torch.rand(translations, 2, generator=g, device="cuda") - 0.5) * 2 * reach).double()
    t[0] = 0
    tables = []
    for axis, frequency in ((0, torch.arange(size // 2 + 1, device="cuda")), (1, torch.arange(size, device="cuda") + 1 - size // 2)):
        tables.append(torch.exp(-2j * torch.pi * t[:, axis, None] * frequency.double() / box).flatten())
    phases = torch.cat(tables).to(torch.complex64)
    shift = torch.randint(0, translations, (particles,), generator=g, device="cuda")
    back = torch.exp(2j * torch.pi * (t[shift, 0, None] * x + t[shift, 1, None] * y) / box)
    noise = torch.complex(normal(particles, k), normal(particles, k)) * torch.sqrt(sigma2[group])
    images = (c * slices[truth] * back).to(torch.complex64) + noise
    return Problem(
        size=size,
        xy=(x | (y & 0xFFFF) << 16).to(torch.int32),
        slices=slices.contiguous(),
        images=images.contiguous(),
        ctf=c.float().contiguous(),
        weights=(1 / sigma2[group]).float().contiguous(),
        whitening=sigma2.mean(0).sqrt().float().contiguous(),
        phases=phases.contiguous(),
        translations=translations,
        orientation_prior=torch.full((orientations,), -10.0, device="cuda"),
        translation_prior=(-(t**2).sum(1) / 50).float().repeat(particles, 1).contiguous(),
    )


def exact(problem: Problem, i: int) -> tuple[torch.Tensor, torch.Tensor]:
    """L_ot in float64 with priors (log_zero where forbidden or not finite), and V_o."""
    _, o, t, _ = problem.shape
    x = problem.xy.long() & 0xFFFF
    y = problem.xy.long() >> 16
    size = problem.size
    table = problem.phases.to(torch.complex128)
    columns = size // 2 + 1
    e = table[: t * columns].view(t, columns)[:, x] * table[t * columns :].view(t, size)[:, y + size // 2 - 1]
    w, c = problem.weights[i].double(), problem.ctf[i].double()
    image = problem.images[i].to(torch.complex128)
    b = w * c * image * e
    scores = torch.empty(o, t, dtype=torch.float64, device="cuda")
    variance = torch.empty(o, dtype=torch.float64, device="cuda")
    for at in range(0, o, 8192):
        s = problem.slices[at : at + 8192].to(torch.complex128)
        p = s.real**2 + s.imag**2
        scores[at : at + 8192] = s.real @ b.real.T + s.imag @ b.imag.T - 0.5 * (p @ (w * c * c))[:, None]
        variance[at : at + 8192] = p @ ((w * c) ** 2 * (image.real**2 + image.imag**2))
    orientation = problem.orientation_prior if problem.orientation_prior.dim() == 1 else problem.orientation_prior[i]
    orientation, translation = orientation.double()[:, None], problem.translation_prior[i].double()[None]
    allowed = torch.isfinite(scores) & (orientation > log_zero) & (translation > log_zero)
    return torch.where(allowed, scores + orientation + translation, torch.full_like(scores, log_zero)), variance


def selection(scores: torch.Tensor, fraction: float = 0.999, cap: int = 2**31 - 1) -> tuple[torch.Tensor, float, float]:
    """Members in the order of samples, the smallest score among them, and the sum of weights relative to the best."""
    flat = scores.flatten()
    valid = flat > -1e29
    if not bool(valid.any()):
        return torch.empty(0, dtype=torch.int64, device=flat.device), float("inf"), 0.0
    ordered = torch.sort(flat[valid], descending=True).values
    weights = torch.exp(ordered - ordered[0])
    total = weights.sum()
    before = torch.cumsum(weights, 0) - weights
    count = min(int((before <= fraction * total).sum()), cap)
    threshold = ordered[count - 1]
    return torch.nonzero(valid & (flat >= threshold)).flatten(), float(threshold), float(total)
