"""D9 in balls: rows of a softmax head at a centre, how their curvature turns, and pulls of changed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.theorems.head.rows.head import Head

HALF, QUARTER = arb(0.5), arb(0.25)

FINE = 128
"""Bits of probabilities, Hessians and their inverses: with 64 what an inverse is off by outweighs the room of rows that
hardly move, where the decay alone holds a direction and other columns are long."""

Line = list[arb]
Slabs = list[list[list[arb]]]
"""By row, `[a][b]`: at least `δ_a − δ_b`."""


@dataclass(frozen=True)
class Centre:
    """Weights, and outputs and probabilities of every row there; at least `|∇G|`; rows that are deleted already."""

    head: Head
    targets: list[list[float]]
    V: list[list[float]]
    z: list[Line]
    s: list[Line]
    gradient: arb
    out: frozenset[int] = frozenset()

    @property
    def tie(self) -> arb:
        """Weight of the squared change of the sum of free intercepts: any number above 0."""
        k = self.head.k
        if not self.head.free_intercept:
            return ZERO
        return (sum((x * (1 - x) for line in self.s for x in line), ZERO) / k**2).upper()


def centre(head: Head, flat: Sequence[float], out: frozenset[int] = frozenset(),
           targets: list[list[float]] | None = None) -> Centre:
    """Everything at weights, row by row, of the sum without the rows `out`, with other targets if they are given."""
    targets = head.targets if targets is None else targets
    with ctx.workprec(max(ctx.prec, FINE)):
        z = head.outputs(list(flat))
        s = [softmax(line) for line in z]
    V = [list(flat[a * head.m : (a + 1) * head.m]) for a in range(head.k)]
    mu, held = head.mu(), [0.0 if head.free_intercept and j == head.m - 1 else 1.0 for j in range(head.m)]
    g = arb_mat([[ZERO if i in out else x - y for x, y in zip(a, b, strict=True)]
                 for i, (a, b) in enumerate(zip(s, targets, strict=True))])
    pull = arb_mat([[mu * arb(x) * d for x, d in zip(row, held, strict=True)] for row in V])
    return Centre(head, targets, V, z, s, norm((g.transpose() * head.phi + pull).entries()).upper(), out)


def softmax(z: Line) -> Line:
    """`e^(z_a)/Σ e^(z_b)`."""
    top = max(float(x.mid()) for x in z)
    e = [(x - top).exp() for x in z]
    total = sum(e, ZERO)
    return [x / total for x in e]


def root(s: Line) -> list[Line]:
    """E with `|Ev|² = vᵀ(diag(s) − ssᵀ)v`: the rows `√s_a(v_a − s·v)`."""
    return [[x.sqrt() * ((a == b) - y) for b, y in enumerate(s)] for a, x in enumerate(s)]


def square(s: Line, v: Sequence[arb]) -> arb:
    """`vᵀ(diag(s) − ssᵀ)v`."""
    mean = sum((x * y for x, y in zip(s, v, strict=True)), ZERO)
    away = [y - mean for y in v]
    # a product: a power of a ball about 0 is no number
    return sum((x * (y * y) for x, y in zip(s, away, strict=True)), ZERO)


def variance(top: arb) -> arb:
    """At least `P(1 − P)` of every set of classes, where one has a probability of at least `top`."""
    return (top * (1 - top)).upper().min(QUARTER) if top > HALF else QUARTER


def likeliest(s: Line, x: arb) -> arb:
    """A lower bound of the probability of the likeliest class after outputs moved by ranges up to x."""
    best = max(range(len(s)), key=lambda a: float(s[a].mid()))
    odds = (ONE - s[best]) / s[best] * x.exp()
    return (1 / (1 + odds)).lower()


def weights(s: Line, R: list[list[arb]]) -> tuple[arb, arb]:
    """Bounds of the mean of the curvature on the way, relative to that at the start (D9, Lemma 2).

    `log A` falls and grows as fast as the change of the mean output less the changes of single ones, at most; the mean
    rises by at most the variance of the change.
    """
    k = len(s)
    wide = largest([R[a][b] for a in range(k) for b in range(k) if a != b])
    grows = largest([sum((s[b] * R[a][b] for b in range(k) if b != a), ZERO).upper() for a in range(k)])
    falls = largest([sum((s[a] * R[a][b] for a in range(k) if a != b), ZERO).upper() for b in range(k)])
    bent = HALF * variance(likeliest(s, wide)) * wide * wide
    up, down = grows.min(wide).upper(), (falls + bent).min(wide).upper()
    return (-(-down).expm1() / down).lower(), (up.expm1() / up).upper()


@dataclass(frozen=True)
class Pull:
    """`P̂ = sp − Aξ`, `|ξ|_A ≤ slack`; of a new label `P̂ = sp`."""

    p: Line
    slack: arb


def pull(c: Centre, i: int, target: Sequence[float] | None, shift: Sequence[float], x: arb) -> Pull:
    """Row i gets a target; or it is deleted (None), and its outputs move by `s·shift + ξ`, `|ξ|_A ≤ x`."""
    s, y = c.s[i], c.targets[i]
    if target is not None:
        return Pull([arb(a) - b for a, b in zip(y, target, strict=True)], ZERO)
    mean = sum((a * b for a, b in zip(s, shift, strict=True)), ZERO)
    return Pull([b - a - a * (d - mean) for a, b, d in zip(s, y, shift, strict=True)], x)
