"""Listed sets of which one rounding is larger than the others (D7, Lemma 4): how much of what is said is needed.

A case is the largest share over several draws, 1 at most where what is said holds. Unit tests ask that it is near 1;
mutants are killed by those in which it is more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, ldexp
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.energy import listed
from certify.check.theorems.head.rows.energy.lines import Lines
from certify.check.theorems.head.rows.energy.listed import Narrow, Outputs, gradients, outputs
from certify.check.theorems.head.rows.energy.sigmoids import BITS, curvature

PRECISION, EXACT = 64, 3000


def lines_at(A: arb_mat, tau: list[int], mu: arb, free: bool = False) -> Lines:
    """Lines of a head of which nothing else is asked; every row may change."""
    head: Any = SimpleNamespace(k=1, m=A.ncols(), free_intercept=free, far=False, mu=lambda: mu)
    return Lines(head, A, tau, [(i, 1 - t) for i, t in enumerate(tau)], [[(i, 1 - 2 * t)] for i, t in enumerate(tau)])


def at_end(A: arb_mat, signs: list[float]) -> list[list[arb]]:
    """A matrix in the balls of another: each column at one of its two ends."""
    return [[x.mid() + arb(s) * x.rad() for x, s in zip(line, signs, strict=True)] for line in A.tolist()]


def sigma(z: arb) -> arb:
    """The slope at an output."""
    return 1 / (1 + (-z).exp())


def share_of(needed: arb, said: float | arb) -> float:
    """The share of what is said that is needed; infinite where that is nothing, or no number."""
    found = float((needed / said).upper()) if said > 0 else inf
    return found if found == found else inf


# --- outputs

def stretched(rng: np.random.Generator, way: str) -> tuple[arb_mat, NDArray[np.float64]]:
    """Inputs and weights.

    narrow: sets so near each other that the floor of an output is what counts. flat: the same where slopes hardly
    change, so that their own rounding does. wide: sets far apart, whose outputs cancel, and what is cut off of inputs
    and weights. weights: what is cut off of these, of many columns. balls: inputs known up to a radius, sets far apart.
    middle: the same, sets near each other but far from 0. beyond: outputs on both sides of the last cell.
    """
    n, p, B = 4, 2, 12
    A, radius = rng.uniform(0.5, 1.0, (n, 1)) * np.ones((n, p)), 0.0
    if way in ("narrow", "flat"):
        W = rng.standard_normal(p) + 2.0**-14 * rng.standard_normal((B, p)) + (20.0 if way == "flat" else 0.0)
    elif way == "weights":  # the first row tells how far sets lie apart, and weights have 17 bits
        A = np.vstack([np.eye(1, 16), np.r_[0.0, np.ones(15)][None]])
        near = np.r_[2.0**-4, -(2.0**-4), (rng.integers(0, 2**12, B - 2) + 0.99) * 2.0**-17]
        W = np.c_[2.0**11.9 * np.resize([1.0, -1.0], B), near[:, None] * np.ones(15)]
    elif way == "beyond":
        W = np.c_[rng.choice([32.0, 34.0, 70.0]) + 8 * rng.uniform(-1, 1, B), np.zeros(B)] * rng.choice([-1.0, 1.0])
    elif way == "wide":  # inputs have 29 bits here and weights 18: one of each is almost cut by a unit
        v = np.r_[2.0**12 - 2.0**-18, -(2.0**12) + 2.0**-18, rng.uniform(-1, 1, B - 2) * 2.0**12]
        W = np.c_[np.trunc(v * 2.0**18) + 0.99 * np.sign(v), np.trunc(-v * 2.0**18)] * 2.0**-18
        A = (np.trunc(A * 2.0**29) + np.array([0.99, 0.0])) * 2.0**-29
    else:
        v, radius = rng.standard_normal(B) * (2.0**8 if way == "balls" else 2.0**-9), 2.0**-14
        W = np.c_[v, -v] + (np.array([2.0**8 + 4.0, -(2.0**8)]) if way == "middle" else 0.0)
    return arb_mat([[arb(x, radius) for x in line] for line in A.tolist()]), W


def of_slopes(way: str, count: int = 12) -> float:
    """What slopes are off by, and whether outputs lie where they are said to."""
    rng, most = np.random.default_rng(len(way)), 0.0
    for _ in range(count):
        A, W = stretched(rng, way)
        with ctx.workprec(PRECISION):
            at = outputs(Narrow(lines_at(A, [0] * A.nrows(), arb(1))), list(zip(*W.tolist(), strict=True)))
        assert at is not None
        with ctx.workprec(300):
            for b, w in enumerate(W.tolist()):
                for turn in (1.0, -1.0):
                    for i, line in enumerate(at_end(A, [turn * float(np.sign(v)) for v in w])):
                        z = sum((x * v for x, v in zip(line, w, strict=True)), arb(0))
                        apart = abs(arb(at.slopes[i][b]) * arb(2) ** -BITS - sigma(z))
                        inside = at.least[i] <= abs(z) and abs(z) <= at.most[i]
                        most = max(most, share_of(apart, at.off[i]) if inside else inf)
    return most


# --- gradients

def of_gradients(way: str, count: int = 20) -> float:
    """What gradients are off by: of slopes that err, of inputs and decays known up to a radius, of sums in floats."""
    rng, most = np.random.default_rng(len(way)), 0.0
    for _ in range(count):
        n, p = int(rng.integers(1, 5)), 1 if way == "decay" else int(rng.integers(1, 3))
        free = p > 1 and way == "floats"
        A = arb_mat([[arb(x, 2.0**-20 if way == "inputs" else 0.0)] * p for x in rng.uniform(0.5, 1.0, n).tolist()])
        mu = arb(0.75, 2.0**-20) if way == "decay" else arb(float(rng.uniform(0.5, 1.0)))
        off = [2.0**-20 * float(x) if way == "slopes" else 0.0 for x in rng.uniform(0.5, 1, n)]
        tau = [int(t) for t in rng.integers(0, 2, n)]
        slopes = [[int(x) for x in rng.integers(0, (1 << BITS) + 1, 3)] for _ in range(n)]
        if way == "inputs":  # slopes less targets are 1
            tau, slopes = [0] * n, [[1 << BITS] * 3 for _ in range(n)]
        W, sets = (rng.uniform(0.5, 1.0, (3, p)) * (2.0**10 if way == "decay" else 1.0)).tolist(), [[], [], [0]]
        lines = lines_at(A, tau, mu, free)
        with ctx.workprec(PRECISION):
            said = Outputs(slopes, [1.0] * n, [0.0] * n, off)
            found, lost = gradients(Narrow(lines), said, sets, list(zip(*W, strict=True)))
        with ctx.workprec(300):
            for turn in (1.0, -1.0):  # slopes err all to one side, as inputs are all of one sign
                inputs, decay = arb_mat(at_end(A, [turn] * p)), mu.mid() + turn * mu.rad()
                for b, (some, w) in enumerate(zip(sets, W, strict=True)):
                    real = [arb(line[b]) * arb(2) ** -BITS + turn * err - t
                            for line, err, t in zip(slopes, off, lines.targets(some), strict=True)]
                    exact = [x + (0 if free and j == p - 1 else decay * w[j])
                             for j, x in enumerate((arb_mat([real]) * inputs).entries())]
                    apart = norm([x - y for x, y in zip(exact, found[b], strict=True)])
                    most = max(most, share_of(apart, lost))
    return most


# --- the modulus

def of_moduli(equal: bool, count: int = 60) -> float:
    """The modulus over the least eigenvalue of the curvature at the ball's edge.

    Where rows are equal, over determinant by trace of their curvature with the decay, which it attains.
    """
    rng, most = np.random.default_rng(0), 0.0
    for _ in range(count):
        n, p = int(rng.integers(2, 8)), 2 if equal else int(rng.integers(2, 4))
        far, x = rng.standard_normal(p - 1) * 2, rng.standard_normal((n, p - 1)) * 10.0 ** rng.uniform(-1.5, 1)
        phi = np.c_[far + (0.0 if equal else 1.0) * x, np.ones(n)]
        mu, longest = float(10.0 ** rng.uniform(-3, 2)), float(10.0 ** rng.uniform(-9, 0))
        z = rng.uniform(0, 6, n)
        with ctx.workprec(PRECISION):
            narrow = Narrow(lines_at(arb_mat(phi.tolist()), [0] * n, arb(mu), True))
            share, ball = listed._share(narrow, Outputs([], z.tolist(), [], []), longest)
        if not share < inf:
            continue
        z = z + ball * np.linalg.norm(phi, axis=1)
        D = np.exp(-z) / (1 + np.exp(-z)) ** 2
        H = (phi.T * D) @ phi + np.diag([mu] * (p - 1) + [0.0])
        least = float(np.linalg.det(H) / np.trace(H) if equal else np.linalg.eigvalsh(H)[0])
        most = max(most, 1 / share / least if longest * share < ball and least > 0 else inf)
    return most


def of_curvatures() -> float:
    """The curvature over what it is."""
    most = 0.0
    with ctx.workprec(200):
        for z in (2.0**-30, 0.5, 3.0, 40.0, 900.0):
            t = (-arb(z)).exp()
            with ctx.workprec(PRECISION):
                said = curvature(arb(z))
            most = max(most, share_of(said, t / (1 + t) ** 2))
    return most


# --- what is settled

def decided(e: list[arb], c: arb, w: list[float], g: float, lost: float, share: float, ball: float = inf) -> bool:
    """Whether a set is settled of which these are known."""
    narrow: Any = SimpleNamespace(fits=True, lines=SimpleNamespace(level=c))
    known = {"outputs": lambda *_: (), "gradients": lambda *_: ([[g * 0.75, -g], [0.0, 0.0]], lost),
             "_share": lambda *_: (share, ball)}
    with patch.multiple(listed, **known), ctx.workprec(PRECISION):
        return listed._some(narrow, e, [[], []], [w, [0.0] * len(w)])[0]


SIZES = MappingProxyType({
    "usual": ((-20, 20), (-20, 20), (-40, 40)), "balls": ((-20, 20), (-20, 20), (-40, 40)),
    "tiny points": ((-1100, -850), (250, 298), (250, 500)), "lost bits": ((-1077, -1071), (290, 298), (-295, -250)),
    "great moduli": ((300, 1000), (-1070, -1000), (-1000, -500)), "small moduli": ((-300, 0), (-20, 100), (250, 900)),
    "cancelling": ((-20, 20), (-20, 20), (-40, 40)),
})
"""Powers of two of points, of weights and of what a gradient is multiplied by."""


def margin(rng: np.random.Generator, kind: str) -> tuple[list[arb], arb, list[float], float]:
    """A point, a threshold, weights, and what a gradient is multiplied by."""
    p, (points, weights, shares) = int(rng.integers(1, 5)), SIZES[kind]
    e = [arb(float(x)) * arb(2) ** int(rng.uniform(*points)) for x in rng.standard_normal(p)]
    sizes = rng.uniform(0.5, 1, p).tolist()
    w = [ldexp(s if x > 0 else -s, int(rng.uniform(*weights))) for x, s in zip(e, sizes, strict=True)]
    c = arb(0)
    if kind == "balls":
        e = [arb(x.mid(), abs(x) * 2.0 ** rng.uniform(-40, -3)) for x in e]
    if kind in ("usual", "balls"):
        along = float(sum((x.mid() * y for x, y in zip(e, w, strict=True)), arb(0)))
        c = arb(along * float(rng.uniform(-1, 0.9)), along * 2.0**-30 if kind == "balls" else 0.0)
    if kind == "tiny points":  # beside a threshold that they keep to, whatever they are
        c = arb(-ldexp(1.0, -int(rng.uniform(200, 690))) * int(rng.integers(0, 2)))
    if kind == "lost bits":  # beside an entry that is long, and counts nothing
        e, w = [arb(2) ** -280, *e], [0.0, *(abs(x) for x in w)]
    if kind == "cancelling":  # but for the last bits of products
        x, y, v = (float(t) for t in rng.uniform(1, 2, 3))
        e, w = [arb(x), arb(y)], [v * y, -v * x]
    return e, c, w, ldexp(float(rng.uniform(1, 2)), int(rng.uniform(*shares)))


def of_margins(kind: str, count: int = 400) -> float:
    """Of sets that are settled: the way to the refit times the point's length, over the least margin in the balls."""
    rng, most = np.random.default_rng(list(SIZES).index(kind)), 0.0
    for _ in range(count):
        with ctx.workprec(EXACT):
            e, c, w, share = margin(rng, kind)
            size = norm([abs(x.mid()) + x.rad() for x in e])
            least = sum((x.mid() * v - x.rad() * abs(arb(v)) for x, v in zip(e, w, strict=True)), -c.mid() - c.rad())
            g = float((least / size / share).mid() * (1 + float(rng.choice([-1.0, 1.0])) * 2.0**-rng.uniform(2, 46)))
            g, part = abs(g), float(rng.uniform(0, 1))
            if not 2.0**-330 < g < 2.0**500:
                g = 2.0**-330
            if decided(e, c, w, g * part / 1.25, g * (1 - part), share):
                most = max(most, share_of(arb(g) * share * size * (1 - arb(2) ** -50), least))
    return most


def of_balls() -> float:
    """The way to the refit over the ball in which the modulus holds, of what is settled."""
    ways = [w for w in (0.1, 0.5, 0.999, 1.0, 1.001, 1.9) if decided([arb(1)], arb(0), [4.0], w * 0.8, 0.0, 1.0, 1.0)]
    return max(ways)


CASES: dict[str, tuple[Callable[[], float], float]] = {
    **{f"slopes, {way}": (partial(of_slopes, way), near) for way, near in (
        ("narrow", 0.8), ("flat", 0.49), ("wide", 0.45), ("weights", 0.6), ("balls", 0.99), ("middle", 0.8),
        ("beyond", 0.4))},
    **{f"gradients, {way}": (partial(of_gradients, way), near) for way, near in (
        ("slopes", 0.99), ("inputs", 0.49), ("decay", 0.99), ("floats", 0.01))},
    "moduli": (partial(of_moduli, False), 0.7), "moduli, equal rows": (partial(of_moduli, True), 0.999),
    "curvatures": (of_curvatures, 0.999), "balls": (of_balls, 0.99),
    **{f"margins, {kind}": (partial(of_margins, kind), 0.999 if kind in ("usual", "balls") else 0.0) for kind in SIZES},
}
"""A case, and how near 1 it is at least."""
