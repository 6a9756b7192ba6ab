"""The exact truth about refits of a squared-loss head: rationals, every subset of rows, every new target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, product

from flint import fmpq, fmpq_mat

Floats = Sequence[Sequence[float]]


@lru_cache(maxsize=10_000)
def q(x: float | Fraction) -> fmpq:
    """A float as a rational."""
    x = Fraction(x)
    return fmpq(x.numerator, x.denominator)


@lru_cache(maxsize=1000)
def _solver(phi: tuple[tuple[float, ...], ...], mu: float | Fraction, decayed: tuple[bool, ...],
            weights: tuple[float, ...] | None = None) -> fmpq_mat | None:
    """`(p, n)`: what targets are multiplied by, the same for all of them; None where the normal matrix is singular."""
    p = len(decayed)
    A = fmpq_mat(len(phi), p, [q(x) for row in phi for x in row])
    across = A.transpose() if weights is None else fmpq_mat(
        p, len(phi), [q(c) * q(row[a]) for a in range(p) for row, c in zip(phi, weights, strict=True)])
    H = across * A + fmpq_mat(p, p, [q(mu) if a == b and decayed[a] else fmpq(0)
                                     for a in range(p) for b in range(p)])
    return None if H.det() == 0 else H.solve(across)


def refit(phi: Floats, Y: Floats, mu: float | Fraction, decayed: Sequence[bool],
          weights: Sequence[float] | None = None) -> fmpq_mat | None:
    """`(p, k)` exact minimiser; None where the normal matrix is singular; rows may carry weights."""
    solver = _solver(tuple(map(tuple, phi)), mu, tuple(map(bool, decayed)), None if weights is None else tuple(weights))
    if solver is None:
        return None
    return solver * fmpq_mat(len(Y), len(Y[0]), [q(x) for row in Y for x in row])


def margin(W: fmpq_mat, e: Sequence[float], today: int, threshold: float = 0.0) -> Fraction:
    """How far the label `today` is from being lost: positive while it stays."""
    z = [sum((q(x) * W[a, c] for a, x in enumerate(e)), fmpq(0)) for c in range(W.ncols())]
    if len(z) == 1:
        gap = z[0] - q(threshold) if today == 1 else q(threshold) - z[0]
    else:
        gap = min(z[today] - x for b, x in enumerate(z) if b != today)
    return Fraction(int(gap.p), int(gap.q))


def relabelled(Y: Floats, codes: Floats, may: Sequence[Sequence[int]], m: int) -> Iterator[list[list[float]]]:
    """Every set of targets after exactly m rows got another code."""
    rows = [i for i, choice in enumerate(may) if choice]
    for chosen in combinations(rows, m):
        for new in product(*(may[i] for i in chosen)):
            out = [list(y) for y in Y]
            for i, c in zip(chosen, new, strict=True):
                out[i] = list(codes[c])
            yield out


def tolerated_labels(phi: Floats, Y: Floats, mu: float, decayed: Sequence[bool], e: Sequence[float], today: int,
                     codes: Floats, may: Sequence[Sequence[int]], threshold: float = 0.0,
                     weights: Sequence[float] | None = None) -> tuple[int, int]:
    """The most changes that no way flips, where a tie counts as flipped, and where it does not."""
    strict = loose = None
    rows = sum(1 for choice in may if choice)
    for m in range(rows + 1):
        worst = min(margin(W, e, today, threshold) for T in relabelled(Y, codes, may, m)
                    if (W := refit(phi, T, mu, decayed, weights)) is not None)
        if worst <= 0 and strict is None:
            strict = m - 1
        if worst < 0 and loose is None:
            loose = m - 1
    return (rows if strict is None else strict), (rows if loose is None else loose)


def worst_deletion(phi: Floats, Y: Floats, mus: Sequence[float | Fraction], decayed: Sequence[bool], e: Sequence[float],
                   today: int, rows: Sequence[int], m: int, threshold: float = 0.0,
                   weights: Sequence[float] | None = None) -> Fraction | None:
    """The least margin after exactly m of the rows are left out; None where a refit is not unique."""
    worst = None
    for gone in combinations(rows, m):
        left = [i for i in range(len(phi)) if i not in gone]
        own = None if weights is None else [weights[i] for i in left]
        W = refit([phi[i] for i in left], [Y[i] for i in left], mus[m], decayed, own) if left else (
            fmpq_mat(len(decayed), len(Y[0])) if all(decayed) and mus[m] > 0 else None)
        if W is None:
            return None
        now = margin(W, e, today, threshold)
        worst = now if worst is None else min(worst, now)
    return worst


def worst_targets(phi: Floats, Y: Floats, mu: float | Fraction, decayed: Sequence[bool], e: Sequence[float],
                  amounts: Sequence[Fraction]) -> Fraction:
    """How far one output moves at most: a refit for every corner of the box of targets, each off by its amount."""
    moved = [i for i, r in enumerate(amounts) if r]
    today, most = _output(refit(phi, Y, mu, decayed), e), Fraction(0)
    for signs in product((-1, 1), repeat=len(moved)):
        new = [[Fraction(y[0])] for y in Y]
        for i, sign in zip(moved, signs, strict=True):
            new[i][0] += sign * amounts[i]
        most = max(most, abs(_output(refit(phi, new, mu, decayed), e) - today))  # type: ignore[arg-type]
    return most


def _output(W: fmpq_mat | None, e: Sequence[float]) -> Fraction:
    assert W is not None
    z = sum((q(x) * W[a, 0] for a, x in enumerate(e)), fmpq(0))
    return Fraction(int(z.p), int(z.q))


def farthest_deletions(phi: Floats, Y: Floats, mu: float | Fraction, decayed: Sequence[bool], e: Sequence[float],
                       rows: Sequence[int], most: int) -> tuple[Fraction, list[Fraction], list[Fraction]] | None:
    """Over all choices of at most so many rows left out: the largest square of how far outputs move together, and how
    far each of them goes down and up; None where a refit is not unique."""
    today, k = refit(phi, Y, mu, decayed), len(Y[0])
    assert today is not None
    far, falls, rises = Fraction(0), [Fraction(0)] * k, [Fraction(0)] * k
    for m in range(1, most + 1):
        for gone in combinations(rows, m):
            left = [i for i in range(len(phi)) if i not in gone]
            W = refit([phi[i] for i in left], [Y[i] for i in left], mu, decayed) if left else None
            if W is None:
                return None
            step = [sum((q(x) * (W[a, c] - today[a, c]) for a, x in enumerate(e)), fmpq(0)) for c in range(k)]
            moved = [Fraction(int(x.p), int(x.q)) for x in step]
            far = max(far, sum((x * x for x in moved), Fraction(0)))
            falls, rises = ([max(x, sign * y) for x, y in zip(so, moved, strict=True)]
                            for so, sign in ((falls, -1), (rises, 1)))
    return far, falls, rises


def farthest_motions(phi: Floats, Y: Floats, mu: float | Fraction, decayed: Sequence[bool], points: Floats,
                     changed: Iterator[tuple[Floats, Floats]]) -> tuple[Fraction, list[Fraction]] | None:
    """Over some other rows and targets: the largest square of how far weights move, and how far all outputs of each
    point do together; None where a refit is not unique."""
    today, k = refit(phi, Y, mu, decayed), len(Y[0])
    assert today is not None
    far, each = fmpq(0), [fmpq(0)] * len(points)
    for rows, targets in changed:
        W = refit(rows, targets, mu, decayed) if rows else None
        if W is None:
            return None
        D = W - today
        far = max(far, sum((x * x for x in D.entries()), fmpq(0)))
        for j, e in enumerate(points):
            step = [sum((q(x) * D[a, c] for a, x in enumerate(e)), fmpq(0)) for c in range(k)]
            each[j] = max(each[j], sum((x * x for x in step), fmpq(0)))
    return Fraction(int(far.p), int(far.q)), [Fraction(int(x.p), int(x.q)) for x in each]


def changes(phi: Floats, Y: Floats, rows: Sequence[int], most: int, may: Sequence[Sequence[int]] | None = None,
            codes: Floats = ()) -> Iterator[tuple[Floats, Floats]]:
    """What is left by every deletion of at most so many rows; or with codes that each may get other targets."""
    for m in range(1, min(most, len(rows)) + 1):
        if may is not None:
            own = [choice if i in rows else [] for i, choice in enumerate(may)]
            yield from ((phi, new) for new in relabelled(Y, codes, own, m))
            continue
        for gone in combinations(rows, m):
            left = [i for i in range(len(phi)) if i not in gone]
            yield [phi[i] for i in left], [Y[i] for i in left]
