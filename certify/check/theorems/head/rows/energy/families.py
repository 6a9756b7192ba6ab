"""Weights for every set of alternatives at once, and upper bounds of their energies (D7)."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest, nsmallest
from operator import mul

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, squares
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.energy.forms import products
from certify.check.theorems.head.rows.energy.lines import Lines

SAMPLES = 8
"""Places in a line's range at which its mean curvature is bounded."""


@dataclass(frozen=True)
class Family:
    """`w_M = ŵ + Σ d_l`: energy at most `base + Σ single + Σ pair`, `e·w_M − c ≥ side` for every set of at most k.

    What two alternatives have in common is `d_l·u_l' + d_l'·u_l`.

    Attributes:
        base: of the node's targets at ŵ.
        single: of every alternative.
        error: bound of what each entry of `single` may be too low by.
        side: lower bound of e·w_M − c.
        moves: the d_l, one a line, or None where nothing moves.
        pulls: `½ B d_l + s_l`, one a line.
    """

    base: arb
    single: list[float]
    error: float
    side: arb
    moves: arb_mat | None = None
    pulls: arb_mat | None = None

    def take(self, kept: list[int]) -> Family:
        """Of some alternatives."""
        if len(kept) == len(self.single):
            return self
        moves = pulls = None
        if self.moves is not None and self.pulls is not None and kept:
            moves, pulls = (arb_mat([lines[x] for x in kept]) for lines in (self.moves.tolist(), self.pulls.tolist()))
        return Family(self.base, [self.single[x] for x in kept], self.error, self.side, moves, pulls)


def energy(lines: Lines, tau: list[int], w: list[float]) -> tuple[arb, list[arb]]:
    """`Σ log(1 + e^z) − τ·z + (μ/2)|w|²` (several outputs: log Σ e^z), and the outputs z."""
    z = (lines.A * arb_mat([[x] for x in w])).entries()
    total = ZERO
    if lines.width == 1:
        for x in z:
            total += x.max(ZERO) + (-abs(x)).exp().log1p()
    else:
        for i in range(0, len(z), lines.width):
            top = max(float(x.mid()) for x in z[i : i + lines.width])
            total += top + sum(((x - top).exp() for x in z[i : i + lines.width]), ZERO).log()
    held = set(lines.free)
    total += lines.mu / 2 * squares(arb(x) for j, x in enumerate(w) if j not in held)
    return total - sum((x * t for x, t in zip(z, tau, strict=True)), ZERO), z


def flat(lines: Lines, tau: list[int], free: list[int], w: list[float], e: list[arb]) -> Family:
    """The same weights for every set."""
    base, _ = energy(lines, tau, w)
    at = arb_mat([[x] for x in w])
    single = (arb_mat([lines.steps[l] for l in free]) * at).entries()
    return Family(base, [float(x.upper()) for x in single], _ulps(single),
                  sum((a * b for a, b in zip(e, w, strict=True)), -lines.level))


def _ulps(values: list[arb]) -> float:
    """Room for a float rounded the wrong way."""
    largest: float = max((float(abs(x).upper()) for x in values), default=0.0)
    return 2.0**-50 * largest


def mean_curvature(z: arb, reach: arb) -> arb:
    """Above `2(f(z + t) − f(z) − f'(z)t)/t²` for 0 ≤ t ≤ reach, f the softplus (D7, Lemma 3)."""
    def bend(x: arb) -> arb:
        s = 1 / (1 + x.exp())
        return s * (1 - s)

    if z >= 0:
        return bend(z).upper()
    if reach <= -z:  # the hill is not passed: σ' grows all the way
        return _mean(z, reach)
    start = (-z).upper()
    width = ((reach - start) / SAMPLES).upper().max(ZERO)  # below 0 where z is not known to tell them apart
    if not width < 1:
        return arb(0.25)
    best = _mean(z, start)
    for j in range(1, SAMPLES + 1):
        best = best.max(_mean(z, start + width * j))
    return (best * (width / 2).exp()).upper().min(arb(0.25))


def _mean(z: arb, t: arb) -> arb:
    if not t > 1e-3:
        s = 1 / (1 + (-z - 1e-3).exp())
        return (s * (1 - s)).upper().max(arb(0)) if z < -1e-2 else arb(0.25)
    def f(x: arb) -> arb:
        return x.max(ZERO) + (-abs(x)).exp().log1p()
    slope = 1 / (1 + (-z).exp())
    return (2 * (f(z + t) - f(z) - slope * t) / (t * t)).upper().min(arb(0.25))


def bowl(lines: Lines, tau: list[int], free: list[int], k: int, numbers: tuple[list[list[float]], list[float]],
         e: list[arb]) -> Family:
    """Weights that follow the set: `d_l = −damp_l P s_l − shift`, numbers the vectors ŵ, shift and P, and the damps."""
    (w, shift, *P), damp = numbers
    steps = arb_mat([lines.steps[l] for l in free])
    toward = (steps * arb_mat(P)).tolist()
    d = [[float((-(x * a) - b).mid()) for x, b in zip(line, shift, strict=True)]
         for line, a in zip(toward, damp, strict=True)]
    base, z = energy(lines, tau, w)
    D = arb_mat(d)
    moved = products(lines.A, D)
    if moved is None:  # a quarter bounds the curvature everywhere
        h = [0.25] * len(z)
    else:
        h = [float(_line(x, line, moved[1], k)) * (1 + 2.0**-50) for x, line in zip(z, moved[0], strict=True)]
    held = set(lines.free)
    decay = [ZERO if j in held else lines.mu / 2 for j in range(len(w))]
    bent = arb_mat([[a * (0.5 * c) for a in line] for line, c in zip(lines.A.tolist(), h, strict=True)]).transpose()
    if len(w) <= len(z):  # the same product, what is smaller first
        bend = D * (bent * lines.A)
    else:
        bend = (bent * (lines.A * D.transpose())).transpose()
    pulls = bend + steps + arb_mat([[x * c for x, c in zip(line, decay, strict=True)] for line in d])
    off = [1 / (1 + (-x).exp()) - t for x, t in zip(z, tau, strict=True)]
    g = [a + 2 * c * b for a, b, c in zip((arb_mat([off]) * lines.A).entries(), w, decay, strict=True)]
    linear = (steps * arb_mat([[x] for x in w])).entries()
    slope = (D * arb_mat([[x] for x in g])).entries()
    own = (sum(map(mul, a, b), ZERO) for a, b in zip(D.tolist(), pulls.tolist(), strict=True))
    single = [a + b + c for a, b, c in zip(linear, slope, own, strict=True)]
    sides = (D * arb_mat([[x] for x in e])).entries()
    side = sum((a * b for a, b in zip(e, w, strict=True)), -lines.level) - total_of([(-x).max(ZERO) for x in sides], k)
    return Family(base, [float(x.upper()) for x in single], _ulps(single), side, D, pulls)


def _line(z: arb, moved: list[float], radius: float, k: int) -> arb:
    """The curvature's bound of one line, for the moves of at most k alternatives, each known up to a radius."""
    up, down = nlargest(k, moved), nsmallest(k, moved)
    wide = radius + 2.0**-50 * max(abs(up[0]), abs(down[0]))
    high = sum(max(x, 0.0) for x in up) * (1 + 2.0**-48) + k * wide
    low = sum(max(-x, 0.0) for x in down) * (1 + 2.0**-48) + k * wide
    return mean_curvature(z, arb(high)).max(mean_curvature(-z, arb(low)))
