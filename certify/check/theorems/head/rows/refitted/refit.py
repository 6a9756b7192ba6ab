"""How near a refit is to stated weights, in balls: `|V(M) − V̂| ≤ |∇G_M(V̂)|/σ` (D1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.reading.optional.class_weight import balanced
from certify.check.theorems.head.rows.changes.base import DELETED, Choice
from certify.check.theorems.head.rows.head import FAR_BITS, OPEN, Head, Middle, label

TRIES, ROOM = 4, 1.5
"""Balls about V̂ that are tried where the intercept is free, each that many times as large as the last one needed."""
LEAST = arb(2) ** -200
"""Of outputs: what the balls reach at least, so that weights with gradient 0 lie inside one."""
SETTLED = 1 - 2.0**-22
"""Share of the last distance above which another ball brings nothing."""
DOUBLE, OWN = arb(2) ** -52, 32
"""A gradient in doubles may be off by that share of its terms, times what they are and so many more."""
AT_ONCE = 64
"""Refits whose outputs are formed together."""

Change = Choice


def labels_after(head: Head, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> list[list[int]]:
    """The label of every evaluation row at the refit of every change; `OPEN` where it is not proved.

    Args:
        head: the head.
        changes: the changes.
        weights: floats near the refits, `km` each.
    """
    with ctx.workprec(max(ctx.prec, FAR_BITS) if head.far else ctx.prec):
        return _labels(head, changes, weights)


def _labels(head: Head, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> list[list[int]]:
    found: list[list[int]] = []
    for start in range(0, len(changes), AT_ONCE):
        some, V = changes[start : start + AT_ONCE], weights[start : start + AT_ONCE]
        flat = _columns(head, V)
        F = (head.evaluated * flat).tolist()
        Z = (head.phi * flat).tolist()
        pulled = [_slopes(head, change, _of(Z, b, head.k)) for b, change in enumerate(some)]
        sums = (arb_mat([list(line) for one in pulled for line in zip(*one.pulls, strict=True)]) * head.phi).tolist()
        for b, v in enumerate(V):
            at = slice(b * head.k, (b + 1) * head.k)
            r, middle = _seen(head, pulled[b], v, sums[at], head.far)
            lengths = head.lengths if middle is None else middle.lengths
            # two outputs differ by √2·r·|x| more at most, one output by r·|x|
            spread = r if head.k == 1 else r * arb(2).sqrt()
            found.append([label(row[at], head.threshold, spread * size) if r.is_finite() else OPEN
                          for row, size in zip(F, lengths, strict=True)])
    return found


def distances(head: Head, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> list[arb]:
    """:func:`distance` of many changes."""
    found: list[arb] = []
    for start in range(0, len(changes), AT_ONCE):
        some, V = changes[start : start + AT_ONCE], weights[start : start + AT_ONCE]
        Z = (head.phi * _columns(head, V)).tolist()
        found += [distance(head, change, v, _of(Z, b, head.k))
                  for b, (change, v) in enumerate(zip(some, V, strict=True))]
    return found


def _columns(head: Head, V: Sequence[Sequence[float]]) -> arb_mat:
    """Weights as columns, an output each."""
    return arb_mat([list(v[a * head.m : (a + 1) * head.m]) for v in V for a in range(head.k)]).transpose()


def _of(Z: list[list[arb]], b: int, k: int) -> list[list[arb]]:
    """The outputs of one of several changes."""
    return [row[b * k : (b + 1) * k] for row in Z]


def distance(head: Head, change: Change, v: Sequence[float], Z: list[list[arb]]) -> arb:
    """An upper bound of the distance from V̂ to the refit; infinite where none is proved.

    Args:
        head: the head.
        change: the rows that change.
        v: V̂, row by row.
        Z: `(n, k)` outputs at V̂.
    """
    near, _ = _alone(head, change, v, Z, False)
    if head.far:
        with ctx.workprec(max(ctx.prec, FAR_BITS)):
            moved, middle = _alone(head, change, v, head.outputs(list(v)), True)
        near = near if middle is None else near.min((moved * middle.stretch).upper())
    return near


def distance_in_doubles(head: Head, v: Sequence[float]) -> arb:
    """The same for the data as they are, without a middle and with a gradient that rounding leaves; maybe infinite."""
    length = norm([arb(x) for x in v])
    counts = [ONE] * head.n if head.weights is None else head.weights
    lost = sum((c * size * (1 + size * length) for c, size in zip(counts, head.sizes, strict=True)), ZERO)
    pulled = _slopes(head, (), head.outputs(list(v)))
    sums = (arb_mat(pulled.pulls).transpose() * head.phi).tolist()
    return _seen(head, pulled, v, sums, False, lost * DOUBLE * (head.n + head.m + OWN))[0]


@dataclass(frozen=True)
class Pulled:
    """Rows after a change: slopes, these times what rows count, targets, which are deleted, and what rows count."""

    g: list[list[arb]]
    pulls: list[list[arb]]
    targets: list[list[float]]
    gone: set[int]
    counts: list[arb] | None


def _slopes(head: Head, change: Change, Z: list[list[arb]]) -> Pulled:
    new, codes = dict(change), head.codes.rows
    targets = [codes[new[i]] if new.get(i, DELETED) != DELETED else y for i, y in enumerate(head.targets)]
    gone = {i for i, code in change if code == DELETED}
    g = [[ZERO] * head.k if i in gone else head.loss.slope(z, y)
         for i, (z, y) in enumerate(zip(Z, targets, strict=True))]
    counts = counted(head, change)
    pulls = g if counts is None else [[c * x for x in row] for c, row in zip(counts, g, strict=True)]
    return Pulled(g, pulls, targets, gone, counts)


def counted(head: Head, change: Change) -> list[arb] | None:
    """What every row counts after a change, 0 where it is deleted from balanced labels; None: all 1.

    Raises:
        Invalid: labels are balanced, and one has no row left.
    """
    new = dict(change)
    if head.labelled is not None:
        return [head.labelled[y if new.get(i, DELETED) == DELETED else new[i]] for i, y in enumerate(head.codes.label)]
    if not head.balanced:
        return head.weights
    left = [i for i in range(head.n) if new.get(i, 0) != DELETED]
    found = [ZERO] * head.n
    for i, c in zip(left, balanced([new.get(i, head.codes.label[i]) for i in left], len(head.codes.rows)), strict=True):
        found[i] = c
    return found


def _floors(head: Head, pulled: Pulled, i: int, reach: arb) -> list[arb]:
    """Curvatures of row i from below, times what it counts: c_i D_i for D_i in D1b; none of a row that is deleted."""
    if i in pulled.gone:
        return []
    found = head.loss.floors(pulled.g[i], pulled.targets[i], reach)
    return found if pulled.counts is None else [pulled.counts[i] * x for x in found]


def _alone(head: Head, change: Change, v: Sequence[float], Z: list[list[arb]], moved: bool,
           ) -> tuple[arb, Middle | None]:
    one = _slopes(head, change, Z)
    return _seen(head, one, v, (arb_mat(one.pulls).transpose() * head.phi).tolist(), moved)


def _seen(head: Head, pulled: Pulled, v: Sequence[float], sums: list[list[arb]], moved: bool, lost: arb = ZERO,
          ) -> tuple[arb, Middle | None]:
    """The same from slopes and `Σ g_i ⊗ φ_i`; if moved of `(U, β + Uc)`, whose gradient is `(g_U − g_βcᵀ, g_β)`.

    c is the middle of the rows by their curvature at V̂, that of each change. The gradient counts as longer by `lost`.
    """
    mu = head.mu(len(pulled.gone))
    held = [0.0 if head.free_intercept and j == head.m - 1 else 1.0 for j in range(head.m)]
    pull = [[mu * x * d for x, d in zip(v[a * head.m : (a + 1) * head.m], held, strict=True)] for a in range(head.k)]
    middle = None
    if moved:
        least = [_floors(head, pulled, i, ZERO) for i in range(head.n)]
        middle = head.middle([sum((x.lower().max(ZERO) for x in row), ZERO) for row in least])
    whole = [[x + y for x, y in zip(*row, strict=True)] for row in zip(sums, pull, strict=True)]
    if middle is not None:
        whole = [[*(x - row[-1] * y for x, y in zip(row, middle.c, strict=False)), row[-1]] for row in whole]
    size = (norm([x for row in whole for x in row]) + lost).upper()
    if not head.free_intercept:
        return (size / mu).upper(), None
    ball, found, before = ZERO, arb("inf"), arb("inf")
    for _ in range(TRIES):
        sigma = modulus(head, pulled, mu, ball, middle)
        if not sigma > 0:
            break
        near = (size / sigma).upper()
        if near < ball:
            found = found.min(near)
            if near >= before * SETTLED:
                break
        # a smaller ball can have a larger bound: far rows, whose curvature dies out, weigh in the mean
        before, ball = near, (near * ROOM + LEAST).upper()
    return found, middle


def modulus(head: Head, pulled: Pulled, mu: arb, ball: arb, middle: Middle | None = None) -> arb:
    """A lower bound of the modulus of `G_M` within `ball` of V̂, where outputs of row i move by `ball·|φ_i|` (D1b).

    `D_i` below every row's curvature, `s = Σ D_i`, `t = |Σ D_i x_i|`: `μs/(μ + s + t²/s)`. Of a loss that is a sum
    over the outputs the least of theirs. From a middle c of the rows: with `x − c` for x.
    """
    sizes = head.sizes if middle is None else middle.sizes
    each = [_floors(head, pulled, i, ball * size) for i, size in enumerate(sizes)]
    least: arb | None = None
    now = [] if middle is None else [_floors(head, pulled, i, ZERO) for i in range(head.n)]
    for a in range(max(map(len, each), default=0)):
        D = [floors[a].lower().max(ZERO) if floors else ZERO for floors in each]
        held = _held(head, D, mu, middle)
        if middle is not None:
            held = held.max(_shrunk(head, [x[a].lower().max(ZERO) if x else ZERO for x in now], D, mu, middle))
        least = held if least is None else least.min(held)
    return ZERO if least is None else least


def _shrunk(head: Head, now: list[arb], D: list[arb], mu: arb, middle: Middle) -> arb:
    """The same with all curvatures at V̂ times one factor, which leaves their mean where it is."""
    s = sum(now, ZERO)
    if not s > 0:
        return ZERO
    f = ONE
    for one, least in zip(now, D, strict=True):
        if one > 0:
            f = f.min((least / one).lower())
    if not f > 0:
        return ZERO
    t = norm([x - s * y for x, y in zip((arb_mat([now]) * head.phi).entries(), middle.c, strict=False)])
    return (mu * f * s / (mu + f * s + f * t * t / s)).lower()


def _held(head: Head, D: list[arb], mu: arb, middle: Middle | None) -> arb:
    """The same for one output, or for all together."""
    s = sum(D, ZERO)
    if not s > 0:
        return ZERO
    mean = (arb_mat([D]) * head.phi).entries()[:-1]
    if middle is not None:
        mean = [x - s * y for x, y in zip(mean, middle.c, strict=True)]
    t = norm(mean) if mean else ZERO
    return (mu * s / (mu + s + t * t / s)).lower()
