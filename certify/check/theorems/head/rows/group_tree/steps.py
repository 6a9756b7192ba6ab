"""D21 in balls and doubles that count upwards: one step for each group, and what the sum of k of them misses.

The step of a group is the solution itself, `(H − M_A)δ_A = −P_A`, as a ball. Its products with rows are of rows and
steps in few bits; sums of squares over rows are doubles, raised by more than they round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import isfinite, ldexp, sqrt

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO, norm, root
from certify.check.theorems.head.rows.boxes.fixed_rows import LOST, UP, WEIGHT, few, forms_of, length_above, power
from certify.check.theorems.head.rows.boxes.leaves import Base
from certify.check.theorems.head.rows.boxes.slabs import below

FARTHEST = 8.0
"""The largest changes of margins that are looked at."""
NEAR, TURNS = 1.02, 24
"""Of the proposed a, and how often it is proposed anew."""
TINY = 2.0**-200
"""More than the fourth root of what sums of fourth powers lose that underflow."""
LEAST = -270
"""Of the exponents of products of rows and steps, as whole numbers of less than 62 bits: such a one is below `TINY`."""
LONG = 2.0**200
"""Products of lengths of rows and steps beyond which nothing is looked at."""

AT_ONCE = 256
"""Rows whose products are formed together."""


def up(x: arb) -> float:
    """A double above a number that is not negative; no number where it is none."""
    return float(x.upper()) * UP + LOST if x.is_finite() else float("nan")


def largest_sum(values: Sequence[float], k: int) -> float:
    """A double above the sum of the k largest of nonnegative ones; no number where one of them is none."""
    return sum(nlargest(k, values)) * UP if isfinite(sum(values)) else float("nan")


@dataclass(frozen=True)
class Steps:
    """The groups that may follow.

    Attributes:
        b: the inverse at the centre.
        k: most groups that follow.
        groups: their numbers.
        delta: `(p, q)` steps, balls.
        push: what each adds to the distance of the refit from the sum, in the norm of H.
        fixed: what is added whatever follows.
    """

    b: Base
    k: int
    groups: list[int]
    delta: arb_mat
    push: list[float]
    fixed: float


@dataclass(frozen=True)
class Moves:
    """What the steps do to margins.

    Attributes:
        far: how far any k of them together move each margin.
        bent: what the logarithm of a curvature changes by on the way, `θ_jZ_j`.
        bends: for each group `(Σ_j w_j(θ_jh_j)²(s_j·δ_A)⁴)^¼`.
        shares: for each group B the numbers `√(Σ_{j ∈ B} w_j(s_j·δ_A)²)` of all A; empty where one group follows.
    """

    far: list[float]
    bent: list[float]
    bends: list[float]
    shares: list[list[float]]


def steps(b: Base, groups: list[int], members: Sequence[Sequence[int]], k: int) -> Steps | None:
    """The steps of some groups; None where nothing is proved of k of them.

    Args:
        b: the inverse at the centre.
        groups: numbers of the groups that may follow.
        members: the rows of every group.
        k: how many may follow, 0 or more.
    """
    c, s = b.c, b.c.sums
    some = [members[g] for g in groups] if k else []
    w = [arb(below(c.counts(j) * c.D[j])) * power(-WEIGHT) if kept else ZERO for j, kept in enumerate(c.kept)]
    bent = [up(abs(c.counts(j) * c.D[j] - x)) if c.kept[j] else 0.0 for j, x in enumerate(w)]
    big, off = (b.big + b.off).upper(), float(b.off.upper()) * UP
    lengths = [length_above(x, off, float(r) * UP) if kept else 0.0
               for x, r, kept in zip(forms_of(s, [(b.X, big)])[0], s.norms, c.kept, strict=True)]
    solved = _solved(b, some, w)
    if solved is None:
        return None
    delta, held, size = solved
    moves = _moved(b, delta, [up(x) for x in w], size, (some, k))
    if not isfinite(sum(moves.far)) or not max(moves.far, default=0.0) < FARTHEST:
        return None
    bend = 0.5 * largest_sum(moves.bends, k) * UP
    shared = _others(moves.shares, [sqrt(x) * UP for x in held], k)
    each = [(bend * f + x) * UP for f, x in zip(moves.bends, shared, strict=True)]
    loose = (sum(y * z * (1.0 + 0.5 * z * past(z)) * x for y, z, x in zip(bent, moves.far, lengths, strict=True))
             + up(b.big.sqrt() * c.gradient)) * UP
    thin = sum(y * x * x for y, x in zip(bent, lengths, strict=True)) * UP
    rows = [(x, up(own) * x * x * UP, 1.0 / (above_exp(y) * UP)) for x, own, y, kept in zip(
        lengths, w, moves.bent, c.kept, strict=True) if kept]
    times = _factor(rows, (largest_sum(held, k), thin), (largest_sum(each, k) + loose) * UP)
    if times is None:
        return None
    return Steps(b, k, groups if k else [], delta, [x * times * UP for x in each], loose * times * UP)


def above_exp(x: float) -> float:
    """A double above `e^x` for `0 ≤ x ≤ FARTHEST`: `1 + x + ½x²/(1 − x/3)` of a sixteenth, four times squared.

    >>> 1.0 <= above_exp(0.0) < 1.01, 2.718281829 < above_exp(1.0) < 2.72, 2981.0 < above_exp(8.0) < 3100.0
    (True, True, True)
    """
    y = x / 16.0
    found = (1.0 + y + 0.5 * y * y / (1.0 - y / 3.0)) * UP
    for _ in range(4):
        found *= found
    return found * UP


def past(x: float) -> float:
    """A double above `h(x) = 2(e^x − 1 − x)/x²`, which is at most `1/(1 − x/3)`.

    >>> 1.0 <= past(0.0) < 1.01, 1.436 < past(1.0) < 1.6, 2.09 < past(2.0) < 2.4
    (True, True, True)
    """
    return (1.0 / (1.0 - x / 3.0) if x < 1.5 else 2.0 * (above_exp(x) - 1.0 - x) / (x * x)) * UP


def _solved(b: Base, some: list[Sequence[int]], w: list[arb]) -> tuple[arb_mat, list[float], list[float]] | None:
    """Of every group the step, above κ_A, and above the length of the step; None where one is not enclosed."""
    c, s = b.c, b.c.sums
    exact = s.exact.tolist()
    scaled = [[x * own for x in row] for own, row in zip(w, exact, strict=True)]
    H = s.across * arb_mat(scaled) + s.diagonal
    columns, held, size = [], [], []
    for rows in some:
        across = arb_mat([exact[j] for j in rows]).transpose()
        M = across * arb_mat([scaled[j] for j in rows])
        P = across * arb_mat(len(rows), 1, [c.counts(j) * c.p[j] for j in rows])
        square = (b.X * M) ** 2
        try:
            found = (H - M).solve(-P).entries()
        except ZeroDivisionError:
            return None
        columns.append(found)
        held.append(up(root(root((square * square).trace().max(ZERO))) + b.off * M.trace()))
        size.append(up(norm(found)))
    if not isfinite(sum(held) + sum(size)):
        return None
    return arb_mat(columns).transpose() if some else arb_mat(s.p, 0), held, size


def _moved(b: Base, delta: arb_mat, w: list[float], size: list[float], asked: tuple[list[Sequence[int]], int]) -> Moves:
    """The moves of all margins."""
    (some, k), c, s = asked, b.c, b.c.sums
    q, place = len(some), {j: a for a, rows in enumerate(some) for j in rows}
    far, bent, fourth = [0.0] * s.n, [0.0] * s.n, [0.0] * q
    shares = [[0.0] * q for _ in some] if k > 1 else []
    if not q:
        return Moves(far, bent, fourth, shares)
    short = few(delta.mid(), s.p)
    loose = max(up(norm([x.rad() for x in column])) for column in delta.transpose().tolist())
    wrong = (up(s.short.epsilon) * max(size) + 2.0 * (up(short.column) + loose)) * UP
    norms = [up(r) for r in s.norms]
    if not max(norms) * max(size) < LONG:
        return Moves([float("inf")], bent, fourth, shares)
    steep = 1.0
    for start in range(0, s.n, AT_ONCE):
        part = range(start, min(start + AT_ONCE, s.n))
        lines = (fmpz_mat([s.short.rows[j] for j in part]) * short.mat).tolist()
        for j, line in zip(part, lines, strict=True):
            if not c.kept[j]:
                continue
            unit = ldexp(1.0, max(s.short.unit[j] + short.unit, LEAST))  # what is less is below what is added for it
            squares = [x * x for x in map(float, map(int, line))]
            z = (sum(map(sqrt, nlargest(k, squares))) * unit + k * (norms[j] * wrong + TINY)) * UP
            if not z < FARTHEST:
                return Moves([float("inf")], bent, fourth, shares)
            theta = min(1.0, up(abs(1 - 2 * c.p[j])) + 0.5 * z)
            far[j], bent[j], own = z, theta * z * UP, w[j] * unit**2
            bend = theta * past(theta * z * UP)
            steep, much = max(steep, bend), w[j] * (bend * unit**2) ** 2 * UP
            fourth = [f + much * x * x for f, x in zip(fourth, squares, strict=True)]
            if shares and j in place:
                shares[place[j]] = [f + own * x for f, x in zip(shares[place[j]], squares, strict=True)]
    # what products are off by bends as much as they do: θ_jh_j is above 1 where steps lead far
    quarter = sqrt(sqrt(sum(x * r * r * r * r for x, r in zip(w, norms, strict=True)))) * wrong * sqrt(steep) * UP
    half = sqrt(sum(x * r * r for x, r in zip(w, norms, strict=True))) * wrong * UP
    return Moves(far, bent, [(sqrt(sqrt(f)) + quarter + TINY) * UP for f in fourth],
                 [[(sqrt(f) + half + TINY) * UP for f in line] for line in shares])


def _others(shares: list[list[float]], times: list[float], k: int) -> list[float]:
    """For each group the sum of the k − 1 largest of what other groups take along its step."""
    if k < 2 or not shares:
        return [0.0] * len(times)
    found = []
    for a in range(len(times)):
        column = [own * line[a] for b, (own, line) in enumerate(zip(times, shares, strict=True)) if b != a]
        found.append(largest_sum(column, k - 1))
    return found


def _factor(rows: list[tuple[float, float, float]], gone: tuple[float, float], whole: float) -> float | None:
    """E, by an a above so much times what is left of any gradient; None: there is none.

    Args:
        rows: of each row `|s_j|_*`, `w_j|s_j|_*²`, and what is left at least of its curvature where steps lead.
        gone: K and λ.
        whole: the largest gradient in the norm of `H⁻¹`.
    """
    if not isfinite(whole + sum(gone) + sum(x + y + z for x, y, z in rows)):
        return None
    a = whole
    for _ in range(TURNS):
        room = _room(rows, gone, a)
        if not room > 0.0:
            return None
        times = 1.0 / room * UP
        if times * whole * UP < a:
            return times
        a = times * whole * NEAR + LOST
    return None


def _room(rows: list[tuple[float, float, float]], gone: tuple[float, float], a: float) -> float:
    """The largest `φ(1 − K − Σ_j w_j|s_j|_*²(1 − φ_j/φ)₊) − λ` over the φ_j of the rows, from below."""
    # x/(1 − e^−x) is at most 1 + x/2 + x²/12
    line = sorted((kept / ((1.0 + (x := long * a) * (0.5 + x / 12.0)) * UP), share) for long, share, kept in rows)
    best, whole, part = 0.0, 0.0, 0.0
    for phi, share in line:
        if not phi > 0.0:
            return 0.0
        whole, part = whole + share, part + share * phi
        lost = whole * UP - part / (phi * UP)
        best = max(best, phi * (1.0 - gone[0] - lost) / UP - gone[1])
    return best
