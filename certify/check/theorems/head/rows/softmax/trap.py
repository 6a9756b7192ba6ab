"""D9 in balls: slabs that hold the differences of outputs of every row for every choice of changed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, largest
from certify.check.theorems.head.rows.boxes.trap import most
from certify.check.theorems.head.rows.softmax.centre import Centre, Line, Pull, Slabs, pull, spread, weights

WIDE = 64
"""Changed rows whose pulls are formed one by one; the rest share one bound."""

Blocks = list[list[arb_mat]]
"""A matrix of `kp × kp` as `[a][b]` of `p × p`."""


@dataclass(frozen=True)
class Change:
    """A row that may change: its targets (None: it is deleted), their shifts, and the range of what strays."""

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
    sources: list[tuple[int, list[Pull]]]
    wide: int
    others: arb
    bent: arb
    still: arb


def box(c: Centre, changes: list[Change], count: int, R: Slabs) -> Box | None:
    """The box, if every inequality of D9 is proved; else None."""
    ends = [weights(s, slab) for s, slab in zip(c.s, R, strict=True)]
    top, low = _inverse(c, [a for a, _ in ends]), _inverse(c, [b for _, b in ends])
    if top is None or low is None:
        return None
    k, half = c.head.k, arb(0.5)
    mean = [[(top[a][b] + low[a][b]) * half for b in range(k)] for a in range(k)]
    bend = [[(top[a][b] - low[a][b]) * half for b in range(k)] for a in range(k)]
    pulls = {h.row: [pull(c, h.row, t, d, h.x) for t, d in zip(h.targets, h.shifts, strict=True)] for h in changes}
    rows = [h.row for h in changes]
    means, bends = own_blocks(mean, c.head.phi), own_blocks(bend, c.head.phi)
    reach = {i: _strength(means[i], pulls[i]) for i in rows}
    order = sorted(rows, key=lambda i: -float(reach[i]))
    wide = max(WIDE, 2 * count)
    others = largest([reach[i] for i in order[wide:]])
    bent = _bends(c, bend, {i: (bends[i], pulls[i]) for i in rows}, order[:wide], count)
    size = sum((x * x for row in top for block in row for x in block.entries()), ZERO).sqrt().upper()
    sources, still = [(i, pulls[i]) for i in order], size * c.gradient
    found = Box(c, count, mean, bend, sources, min(wide, len(order)), others, bent, still)
    return found if _holds(found, {h.row: h for h in changes}, pulls, R, (means, bends)) else None


def _bends(c: Centre, B: Blocks, rows: dict[int, tuple[list[Line], list[Pull]]], strong: list[int], count: int) -> arb:
    """At least `|Σ x ⊗ P̂|_B`: the largest lengths, or the root of the largest squares with products of pairs.

    `P̂_iᵀB_ilP̂_l` is at most `max(0, p_iᵀB_ilp_l)` and what the parts that stray add by their lengths.
    """
    each = {i: _strength(*parts) for i, parts in rows.items()}
    plain = most(each.values(), count)
    if count == 1:
        return plain
    k, longest = c.head.k, largest(list(each.values()))
    rest = largest([each[i] for i in rows if i not in strong])
    still = {i: [Pull(q.p, ZERO, q.curve) for q in rows[i][1]] for i in strong}
    direct = {i: _strength(rows[i][0], still[i]) for i in strong}
    stray = {i: (largest([q.slack for q in rows[i][1]]) * _widest(rows[i][0])).upper() for i in strong}
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


def _widest(own: list[Line]) -> arb:
    """The largest `|x ⊗ (e_a − e_b)|_M`."""
    return largest([seen(own, a, b) for a in range(len(own)) for b in range(a)])


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


def _strength(own: list[Line], pulls: list[Pull]) -> arb:
    """At least `|x ⊗ P̂|_M`: that of p, and `slack` times the largest of differences of unit vectors."""
    k, wide, found = len(own), _widest(own), ZERO
    for q in pulls:
        square = sum((q.p[a] * own[a][b] * q.p[b] for a in range(k) for b in range(k)), ZERO)
        found = found.max(square.upper().max(ZERO).sqrt() + q.slack * wide)
    return found.upper()


def crossed(M: Blocks, X: arb_mat, Y: arb_mat) -> list[list[list[list[arb]]]]:
    """`[a][b][j][l]`: entries of `(x_jᵀ ⊗ I)M(y_l ⊗ I)`."""
    turned = Y.transpose()
    return [[(X * block * turned).tolist() for block in row] for row in M]


def pushes(sources: list[tuple[int, list[Pull]]], K: list[list[list[list[arb]]]], j: int, a: int, b: int,
           without: int) -> list[arb]:
    """At least `(K(e_a − e_b))·P̂` of every one of some rows, but for row `without`."""
    k, out = len(K), []
    for at, (row, pulls) in enumerate(sources):
        if row == without:
            continue
        v = [K[a][q][j][at] - K[b][q][j][at] for q in range(k)]
        width, best = spread(v), ZERO
        for q in pulls:
            best = best.max(sum((x * y for x, y in zip(v, q.p, strict=True)), ZERO) + q.slack * width)
        out.append(best.upper())
    return out


def _holds(found: Box, changes: dict[int, Change], pulls: dict[int, list[Pull]], R: Slabs,
           blocks: tuple[list[list[Line]], list[list[Line]]]) -> bool:
    """Every inequality."""
    c, k, count = found.c, found.c.head.k, found.count
    means, bends = blocks
    some, relabels = found.sources[: found.wide], c.head.relabels
    K = crossed(found.mean, c.head.phi, arb_mat([c.head.rows[i] for i, _ in some]))
    for j in range(c.head.n):
        widest = ZERO
        for a in range(k):
            for b in range(k):
                if a == b:
                    continue
                root = seen(means[j], a, b)
                extra = seen(bends[j], a, b) * found.bent + arb(2).sqrt() * c.head.sizes[j] * found.still
                each = floored(pushes(some, K, j, b, a, -1 if relabels else j), root * found.others, count)
                if not R[j][a][b] > most(each, count) + extra:
                    return False
                if j in changes:
                    widest = widest.max((most(each, count - 1) + extra).upper())
        if j in changes and not relabels and not _stays(changes[j], pulls[j], means[j], widest):
            return False
    return True


def floored(values: list[arb], floor: arb, count: int) -> list[arb]:
    """The values and those of the rows that share a bound: the largest sums of both."""
    return values if floor == 0 else [v.max(floor.upper()) for v in values] + [floor.upper()] * count


def _stays(change: Change, pulls: list[Pull], K: list[Line], stray: arb) -> bool:
    """Whether ξ keeps within its range, `ξ + K·curve·ξ = ρ − s(shift + Kp)`: by rows of an inverse of `I + K·curve`."""
    k = len(K)
    block = arb_mat(K)
    for q, shift in zip(pulls, change.shifts, strict=True):
        turn = block * arb_mat(q.curve)
        turn = arb_mat([[turn[a, b] + (a == b) for b in range(k)] for a in range(k)])
        try:
            N = turn.mid().inv().mid().tolist()
        except ZeroDivisionError:
            return False
        Kp = (block * arb_mat(k, 1, q.p)).entries()
        lost = spread([arb(d) + x for d, x in zip(shift, Kp, strict=True)])
        for a in range(k):
            for b in range(a):
                line = [x - y for x, y in zip(N[a], N[b], strict=True)]
                mean = sum(line, ZERO) / k
                line = [x - mean for x in line]
                back = (arb_mat([line]) * turn).entries()
                delta = sum((abs((i == a) - (i == b) - x) for i, x in enumerate(back)), ZERO) / 2
                half = sum((abs(x) for x in line), ZERO) / 2
                total = half * (stray + lost) + delta * change.x
                if not change.x > total:
                    return False
    return True


def stays(found: Box, asked: Sequence[int]) -> list[bool]:
    """Whether today's label of evaluation rows is proved to stay ahead of every other."""
    c, head = found.c, found.c.head
    if not asked:
        return []
    lines = head.evaluated.tolist()
    X = arb_mat([lines[j] for j in asked])
    bends = own_blocks(found.half, X)
    K = crossed(found.mean, X, arb_mat([head.rows[i] for i, _ in found.sources]))
    F = (X * arb_mat(c.V).transpose()).tolist()
    out = []
    for at, j in enumerate(asked):
        a, ok = head.today[j], head.today[j] >= 0
        for b in range(head.k):
            if ok and b != a:
                each = pushes(found.sources, K, at, a, b, -1)
                fall = most(each, found.count) + seen(bends[at], a, b) * found.bent
                ok = bool(F[at][a] - F[at][b] > fall + arb(2).sqrt() * head.lengths[j] * found.still)
        out.append(ok)
    return out
