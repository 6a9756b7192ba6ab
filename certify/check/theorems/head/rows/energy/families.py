"""Weights for every set of alternatives at once, and upper bounds of their energies (D7)."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, squares
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.energy.lines import Lines

SAMPLES = 8
"""Places in a line's range at which its mean curvature is bounded."""


@dataclass(frozen=True)
class Family:
    """`w_M = ŵ + Σ d_l`: energy at most `base + Σ single + Σ pair`, `e·w_M − c ≥ side` for every set of at most k.

    Attributes:
        base: of the node's targets at ŵ.
        single: of every alternative.
        pair: of every two, or None for zeros.
        error: bound of what each entry of `single` and `pair` may be too low by.
        side: lower bound of e·w_M − c.
    """

    base: arb
    single: list[float]
    pair: list[list[float]] | None
    error: float
    side: arb


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
    return Family(base, [float(x.upper()) for x in single], None, _ulps(single),
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
    Dt = D.transpose()
    moved = (lines.A * Dt).tolist()
    h = [_line(x, line, k) for x, line in zip(z, moved, strict=True)]
    roots = [float(x.sqrt().upper()) * (1 + 2.0**-50) for x in h]
    held = set(lines.free)
    decay = float(lines.mu.sqrt().upper()) * (1 + 2.0**-50)
    columns = [[float(x.mid()) * c for x in line] for line, c in zip(moved, roots, strict=True)]
    columns += [[line[j] * decay for line in d] for j in range(len(w)) if j not in held]
    T = arb_mat(columns)
    bent, cross = (T.transpose() * T).tolist(), (steps * Dt).tolist()
    off = [1 / (1 + (-x).exp()) - t for x, t in zip(z, tau, strict=True)]
    g = [a + (lines.mu * b if j not in held else ZERO)
         for j, (a, b) in enumerate(zip((arb_mat([off]) * lines.A).entries(), w, strict=True))]
    linear = (steps * arb_mat([[x] for x in w])).entries()
    slope = (D * arb_mat([[x] for x in g])).entries()
    single = [a + b + bent[l][l] / 2 + cross[l][l] for l, (a, b) in enumerate(zip(linear, slope, strict=True))]
    every = range(len(free))
    pair = [[float((bent[a][b] + cross[a][b] + cross[b][a]).mid()) for b in every] for a in every]
    sides = (D * arb_mat([[x] for x in e])).entries()
    side = sum((a * b for a, b in zip(e, w, strict=True)), -lines.level) - total_of([(-x).max(ZERO) for x in sides], k)
    hidden = _hidden(columns, bent, cross, single, moved, roots)
    return Family(base, [float(x.upper()) for x in single], pair, hidden, side)


def _line(z: arb, moved: list[arb], k: int) -> arb:
    """The curvature's bound of one line, for the moves of at most k alternatives."""
    values = [float(x.mid()) for x in moved]
    wide = max(float(x.rad()) for x in moved) + 2.0**-50 * max(map(abs, values))
    high = sum(max(x, 0.0) for x in nlargest(k, values)) * (1 + 2.0**-48) + k * wide
    low = sum(max(x, 0.0) for x in nlargest(k, [-x for x in values])) * (1 + 2.0**-48) + k * wide
    return mean_curvature(z, arb(high)).max(mean_curvature(-z, arb(low)))


def _hidden(columns: list[list[float]], bent: list[list[arb]], cross: list[list[arb]], single: list[arb],
            moved: list[list[arb]], roots: list[float]) -> float:
    """What the floats of singles and pairs may be too low by: radii, and products of floats rounded once an entry."""
    largest = max(float(bent[l][l].upper()) for l in range(len(bent)))
    radius = max(float(x.rad()) for line in (*bent, *cross) for x in line)
    size = max(float(abs(x).upper()) for line in cross for x in line)
    blurs = [max(float(x.rad()) for x in line) * c for line, c in zip(moved, roots, strict=True)]
    blur: float = sum(x * x for x in blurs) ** 0.5  # a product becomes infinite where a power would raise
    # every entry of a column is within u of itself and the blur of what is meant
    rounded: float = 2.0**-50 * largest + 2 * blur * largest**0.5 * 1.01 + blur * blur * 1.01
    return (3 * radius + rounded) * 1.01 + 2.0**-48 * (size + largest) + _ulps(single)
