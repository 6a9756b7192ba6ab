"""D9 in balls: rows of a softmax head at a centre, how their curvature turns, and pulls of changed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.theorems.head.rows.head import Head

HALF, QUARTER = arb(0.5), arb(0.25)

Line = list[arb]
Slabs = list[list[list[arb]]]
"""By row, `[a][b]`: at least `δ_a − δ_b`."""


@dataclass(frozen=True)
class Centre:
    """Weights, and outputs and probabilities of every row there; at least `|∇G|`."""

    head: Head
    targets: list[list[float]]
    V: list[list[float]]
    z: list[Line]
    s: list[Line]
    gradient: arb

    @property
    def tie(self) -> arb:
        """Weight of the squared change of the sum of free intercepts: any number above 0."""
        k = self.head.k
        if not self.head.free_intercept:
            return ZERO
        return (sum((x * (1 - x) for line in self.s for x in line), ZERO) / k**2).mid()


def centre(head: Head, flat: Sequence[float]) -> Centre:
    """Everything at weights, row by row."""
    z = head.outputs(list(flat))
    V = [list(flat[a * head.m : (a + 1) * head.m]) for a in range(head.k)]
    s = [softmax(line) for line in z]
    mu, held = head.mu(), [0.0 if head.free_intercept and j == head.m - 1 else 1.0 for j in range(head.m)]
    g = arb_mat([[x - y for x, y in zip(a, b, strict=True)] for a, b in zip(s, head.targets, strict=True)])
    pull = arb_mat([[mu * arb(x) * d for x, d in zip(row, held, strict=True)] for row in V])
    return Centre(head, head.targets, V, z, s, norm((g.transpose() * head.phi + pull).entries()).upper())


def softmax(z: Line) -> Line:
    """`e^(z_a)/Σ e^(z_b)`."""
    top = max(float(x.mid()) for x in z)
    e = [(x - top).exp() for x in z]
    total = sum(e, ZERO)
    return [x / total for x in e]


def curvature(s: Line) -> list[Line]:
    """`diag(s) − ssᵀ`."""
    return [[x * ((a == b) - y) for b, y in enumerate(s)] for a, x in enumerate(s)]


def variance(top: arb) -> arb:
    """At least `P(1 − P)` of every set of classes, where one has a probability of at least `top`."""
    return (top * (1 - top)).upper().min(QUARTER) if top > HALF else QUARTER


def likeliest(s: Line, x: arb) -> arb:
    """A lower bound of the probability of the likeliest class after outputs moved by ranges up to x."""
    best = max(range(len(s)), key=lambda a: float(s[a].mid()))
    odds = (ONE - s[best]) / s[best] * x.exp()
    return (1 / (1 + odds)).lower()


def spread(line: Sequence[arb]) -> arb:
    """Largest less smallest entry, at most."""
    top, bottom = line[0], line[0]
    for x in line[1:]:
        top, bottom = top.max(x), bottom.min(x)
    return (top - bottom).upper()


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
    """`P̂ = sp − Aξ`, `|v·Aξ| ≤ slack·range(v)`; of a new label `P̂ = sp`."""

    p: Line
    slack: arb
    curve: list[Line]


def pull(c: Centre, i: int, target: Sequence[float] | None, shift: Sequence[float], x: arb) -> Pull:
    """Row i gets a target; or it is deleted (None), and its outputs move by `s·shift + ξ`, the range of ξ at most x."""
    s, y = c.s[i], c.targets[i]
    if target is not None:
        return Pull([arb(a) - b for a, b in zip(y, target, strict=True)], ZERO, [])
    old = curvature(s)
    bent = [sum((a * arb(b) for a, b in zip(line, shift, strict=True)), ZERO) for line in old]
    p = [b - a - e for a, b, e in zip(s, y, bent, strict=True)]
    return Pull(p, (variance(likeliest(s, ZERO)) * x).upper(), [[-v for v in line] for line in old])
