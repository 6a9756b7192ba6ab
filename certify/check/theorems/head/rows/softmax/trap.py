"""D9 in balls: slabs that hold the differences of outputs of every row for every choice of changed rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ZERO, largest
from certify.check.theorems.head.rows.boxes.trap import most
from certify.check.theorems.head.rows.softmax.centre import (
    FINE,
    Centre,
    Line,
    Pull,
    Slabs,
    pull,
    root,
    square,
    weights,
)
from certify.check.theorems.head.rows.softmax.pushes import Blocks, Seen, Source, tops

WIDE = 64
"""Changed rows whose pulls are formed one by one; the rest share one bound."""

@dataclass(frozen=True)
class Change:
    """A row that may change: its targets (None: it is deleted), their shifts, and the length of what strays."""

    row: int
    targets: list[list[float] | None]
    shifts: list[list[float]]
    x: arb


@dataclass(frozen=True)
class Box:
    """What proved slabs say of changed rows.

    Attributes:
        mean, half: A and B of D9.
        sources: the rows and their pulls, the strongest first.
        wide: how many of them are taken one by one for the slabs.
        others: at least `|x ⊗ P̂|_A` of the rest.
        bent: at least `|Σ x ⊗ P̂|_B`.
        still: `‖H_low⁻¹‖·|∇G|`, to be multiplied by a norm.
    """

    c: Centre
    count: int
    mean: Blocks
    half: Blocks
    sources: list[Source]
    wide: int
    others: arb
    bent: arb
    still: arb


def box(c: Centre, changes: list[Change], count: int, R: Slabs) -> Box | None:
    """The box, if every inequality of D9 is proved; else None."""
    ends = [(ZERO, ZERO) if i in c.out else weights(s, slab) for i, (s, slab) in enumerate(zip(c.s, R, strict=True))]
    with ctx.workprec(max(ctx.prec, FINE)):
        top, low = _inverse(c, [a for a, _ in ends]), _inverse(c, [b for _, b in ends])
    if top is None or low is None:
        return None
    k, half = c.head.k, arb(0.5)
    mean = [[(top[a][b] + low[a][b]) * half for b in range(k)] for a in range(k)]
    bend = [[(top[a][b] - low[a][b]) * half for b in range(k)] for a in range(k)]
    pulls = {h.row: [pull(c, h.row, t, d, h.x) for t, d in zip(h.targets, h.shifts, strict=True)] for h in changes}
    rows = [h.row for h in changes]
    means, bends = own_blocks(mean, c.head.phi), own_blocks(bend, c.head.phi)
    far = {i: _stray(c.s[i], means[i], pulls[i]) for i in rows}
    reach = {i: _strength(c.s[i], means[i], pulls[i], far[i]) for i in rows}
    order = sorted(rows, key=lambda i: -float(reach[i]))
    wide = max(WIDE, 2 * count)
    others = largest([reach[i] for i in order[wide:]])
    bent = _bends(c, bend, {i: (bends[i], pulls[i]) for i in rows}, order[:wide], count)
    size = sum((x * x for row in top for block in row for x in block.entries()), ZERO).sqrt().upper()
    sources, still = [Source(i, pulls[i], reach[i], far[i]) for i in order], size * c.gradient
    found = Box(c, count, mean, bend, sources, min(wide, len(order)), others, bent, still)
    return found if _holds(found, {h.row: h for h in changes}, pulls, R, (means, bends)) else None


def _bends(c: Centre, B: Blocks, rows: dict[int, tuple[list[Line], list[Pull]]], strong: list[int], count: int) -> arb:
    """At least `|Σ x ⊗ P̂|_B`: the largest lengths, or the root of the largest squares with products of pairs.

    `P̂_iᵀB_ilP̂_l` is at most `max(0, p_iᵀB_ilp_l)` and what the parts that stray add by their lengths.
    """
    none = {i: _strength(c.s[i], *parts, ZERO) for i, parts in rows.items()}
    away = {i: _stray(c.s[i], *parts) for i, parts in rows.items()}
    each = {i: (none[i] + away[i]).upper() for i in rows}
    plain = most(each.values(), count)
    if count == 1:
        return plain
    k, longest = c.head.k, largest(list(each.values()))
    rest = largest([each[i] for i in rows if i not in strong])
    direct, stray = {i: none[i] for i in strong}, {i: away[i] for i in strong}
    X = arb_mat([c.head.rows[i] for i in strong])
    K = crossed(B, X, X)
    squares = {i: each[i] * (each[i] + (count - 1) * longest) for i in rows}
    for at, i in enumerate(strong):
        near = [each[i] * rest] * (count - 1) if len(strong) < len(rows) else []
        for other, j in enumerate(strong):
            if j == i:
                continue
            best = ZERO
            for q in rows[i][1]:
                line = [sum((q.p[a] * K[a][b][at][other] for a in range(k)), ZERO) for b in range(k)]
                for r in rows[j][1]:
                    best = best.max(sum((u * v for u, v in zip(line, r.p, strict=True)), ZERO))
            near.append((best + direct[i] * stray[j] + stray[i] * direct[j] + stray[i] * stray[j]).max(each[i] * rest))
        squares[i] = each[i] * each[i] + most([x.upper() for x in near], count - 1)
    return plain.min(most([x.upper() for x in squares.values()], count).sqrt().upper())


def curved(s: Line, own: list[Line]) -> arb:
    """At least `|x ⊗ u|_M` over all `u = Av` with `|v|_A ≤ 1`, from the own block: `|T|¹⁶ ≤ |(TᵀT)⁸|_F`."""
    E = arb_mat(root(s))
    T = E * arb_mat(own) * E.transpose()
    G = T.transpose() * T
    for _ in range(3):
        G = G * G
    found = sum((x * x for x in G.entries()), ZERO).upper()
    for _ in range(6):
        found = found.sqrt()
    return found.upper()


def _stray(s: Line, own: list[Line], pulls: list[Pull]) -> arb:
    """What strays of a pull is at most as long as this."""
    slack = largest([q.slack for q in pulls])
    return ZERO if slack == 0 else (slack * curved(s, own)).upper()


def _inverse(c: Centre, weigh: list[arb]) -> Blocks | None:
    """Inverse of `Σ weight x xᵀ ⊗ A` with decay and tie; it is positive semidefinite, so definite if nonsingular."""
    head = c.head
    k, p = head.k, head.m
    X = head.phi
    H: list[list[arb_mat]] = [[arb_mat(p, p)] * k for _ in range(k)]
    for a in range(k):
        for b in range(a + 1):
            lines = [[x * (w * s[a] * ((a == b) - s[b])) for x in row]
                     for row, w, s in zip(head.rows, weigh, c.s, strict=True)]
            H[a][b] = X.transpose() * arb_mat(lines)
            H[b][a] = H[a][b].transpose()
    mu = head.mu()
    whole = [[H[a][b][i, j] for b in range(k) for j in range(p)] for a in range(k) for i in range(p)]
    for a in range(k):
        for i in range(p):
            if not (head.free_intercept and i == p - 1):
                whole[a * p + i][a * p + i] += mu
        for b in range(k):
            whole[a * p + p - 1][b * p + p - 1] += c.tie
    try:
        Y = arb_mat(whole).inv()
    except ZeroDivisionError:
        return None
    E = Y.tolist()
    blocks = [[arb_mat([row[b * p : (b + 1) * p] for row in E[a * p : (a + 1) * p]]) for b in range(k)]
              for a in range(k)]
    return blocks if all(x.is_finite() for row in blocks for block in row for x in block.entries()) else None


def own_blocks(M: Blocks, X: arb_mat) -> list[list[Line]]:
    """`(xᵀ ⊗ I)M(x ⊗ I)` for every row of X."""
    k, rows = len(M), X.tolist()
    out = [[[ZERO] * k for _ in range(k)] for _ in rows]
    for a in range(k):
        for b in range(k):
            for j, (left, x) in enumerate(zip((X * M[a][b]).tolist(), rows, strict=True)):
                out[j][a][b] = sum((u * v for u, v in zip(left, x, strict=True)), ZERO)
    return out


def seen(own: list[Line], a: int, b: int) -> arb:
    """`|x ⊗ (e_a − e_b)|_M` from the own block, at most."""
    return (own[a][a] + own[b][b] - own[a][b] - own[b][a]).upper().max(ZERO).sqrt().upper()


def _strength(s: Line, own: list[Line], pulls: list[Pull], far: arb) -> arb:
    """At least `|x ⊗ P̂|_M`: that of p, and `far`, that of what strays."""
    k, found = len(own), ZERO
    for q in pulls:
        direct = sum((q.p[a] * own[a][b] * q.p[b] for a in range(k) for b in range(k)), ZERO)
        found = found.max(direct.upper().max(ZERO).sqrt())
    return (found + far).upper()


def crossed(M: Blocks, X: arb_mat, Y: arb_mat) -> list[list[list[list[arb]]]]:
    """`[a][b][j][l]`: entries of `(x_jᵀ ⊗ I)M(y_l ⊗ I)`."""
    turned = Y.transpose()
    return [[(X * block * turned).tolist() for block in row] for row in M]


def _holds(found: Box, changes: dict[int, Change], pulls: dict[int, list[Pull]], R: Slabs,
           blocks: tuple[list[list[Line]], list[list[Line]]]) -> bool:
    """Every inequality."""
    c, k, count = found.c, found.c.head.k, found.count
    means, bends = blocks
    relabels, root2 = c.head.relabels, arb(2).sqrt()
    some = Seen(c, found.mean, c.head.phi, found.sources[: found.wide])
    for j in range(c.head.n):
        if j in c.out:
            continue
        for a in range(k):
            for b in range(k):
                if a != b:
                    root = seen(means[j], a, b)
                    extra = seen(bends[j], a, b) * found.bent + root2 * c.head.sizes[j] * found.still
                    each = some.pushes(j, b, a, root, -1 if relabels else j)
                    if not R[j][a][b] > tops(*each, (root * found.others).upper(), count) + extra:
                        return False
        if j in changes and not relabels:
            own = curved(c.s[j], means[j])
            near = tops(*some.strays(j, c.s[j], own, j), (own * found.others).upper(), count - 1)
            stray = near + curved(c.s[j], bends[j]) * found.bent + c.head.sizes[j] * found.still  # |Ev| ≤ |v|
            if not _stays(changes[j], pulls[j], means[j], (own, stray), c.s[j]):
                return False
    return True


def _stays(change: Change, pulls: list[Pull], K: list[Line], bounds: tuple[arb, arb], s: Line) -> bool:
    """Whether ξ keeps within its length: `ξ − KAξ = η − s(shift + Kp)`, in the norm of A."""
    own, stray = bounds
    left = (1 - own * own).lower()
    if not left > 0:
        return False
    for q, shift in zip(pulls, change.shifts, strict=True):
        Kp = (arb_mat(K) * arb_mat(len(K), 1, q.p)).entries()
        lost = square(s, [arb(d) + x for d, x in zip(shift, Kp, strict=True)]).upper().max(ZERO).sqrt()
        if not change.x > (stray + lost) / left:
            return False
    return True


@dataclass(frozen=True)
class Margin:
    """How far today's label is ahead of another class, and what is taken of that.

    Attributes:
        gap: now; negative if today's label is not known.
        fixed: what no changed row takes part in.
        rows: those that may change.
        rough, exact: what each of them takes, at most.
    """

    gap: arb
    fixed: arb
    rows: list[int]
    rough: list[float]
    exact: Callable[[int], arb]

    def holds(self, count: int, gone: set[int]) -> bool:
        """Whether it stays above 0 when at most `count` rows change, none of those that are gone."""
        kept = [at for at, i in enumerate(self.rows) if i not in gone]
        fall = tops([self.rough[at] for at in kept], lambda place: self.exact(kept[place]), ZERO, count)
        return bool(self.gap > fall + self.fixed)

    def blocking(self) -> list[int]:
        """The rows of which it is not proved that it stays above 0 when they alone change."""
        return [i for at, i in enumerate(self.rows)
                if not (self.gap > arb(self.rough[at]) + self.fixed or self.gap > self.exact(at) + self.fixed)]


def margins(found: Box, asked: Sequence[int]) -> list[list[Margin]]:
    """The margins of evaluation rows over every other class."""
    c, head = found.c, found.c.head
    if not asked:
        return []
    lines = head.evaluated.tolist()
    X = arb_mat([lines[j] for j in asked])
    means, bends = own_blocks(found.mean, X), own_blocks(found.half, X)
    every, rows = Seen(c, found.mean, X, found.sources), [source.row for source in found.sources]
    F = (X * arb_mat(c.V).transpose()).tolist()
    out = []
    for at, j in enumerate(asked):
        known, a, still = head.today[j] >= 0, max(head.today[j], 0), arb(2).sqrt() * head.lengths[j] * found.still
        out.append([Margin(F[at][a] - F[at][b] if known else arb(-1), seen(bends[at], a, b) * found.bent + still, rows,
                           *every.pushes(at, a, b, seen(means[at], a, b), -1)) for b in range(head.k) if b != a])
    return out


def stays(found: Box, asked: Sequence[int]) -> list[bool]:
    """Whether today's label of evaluation rows is proved to stay ahead of every other."""
    return [all(margin.holds(found.count, set()) for margin in part) for part in margins(found, asked)]
