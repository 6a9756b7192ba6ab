"""Is `A + R ≺ m·I`, where R is small and known along one direction alone? Decided in whole numbers from one vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from operator import mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO
from certify.check.linalg.fixed import Integers, longest, scale
from certify.check.lipschitz.by_squaring import norms
from certify.check.lipschitz.whole_numbers import Image

PLACES, BITS = 30, 20
"""Bits of A, and of the vector."""

ROUNDS, STEPS, CLOSE = 8, 6, 20
"""Rounds of the search for a vector, steps in one, and bits of the relative square of what is across at its end."""

APART = 16
"""1/t: the less R may be apart from its value along the vector, the more of it is feared across."""


@dataclass(frozen=True)
class Rest:
    """A matrix `R ⪰ 0`, with `R ⪯ share·A + spread·I`.

    Attributes:
        seen: gives `XᵀRX`.
        share, spread: these numbers.
    """

    seen: Callable[[Image], Image]
    share: arb
    spread: arb


def below(form: Image, rest: Rest | None, most: arb) -> bool:
    """Whether `A + R ≺ most·I` is proved for the symmetric part A of every member of the form: soon, or from all of R.

    Args:
        form: A, up to its antisymmetric part.
        rest: R; None: it is 0.
        most: the number.
    """
    if rest is not None:
        if _soon(form, rest, most):
            return True
        n = form.mid.nrows()
        one = fmpz_mat(n, n, [fmpz(i == j) for i in range(n) for j in range(n)])
        form = form + rest.seen(Image(one, 0, ONE, arb(n).sqrt().upper(), ZERO))
    doubled = form.mid + form.mid.transpose()
    room = (most - form.radius) / scale(form.bits + 1)
    return any(norm < room for norm in norms(doubled))


def _soon(form: Image, rest: Rest, most: arb) -> bool:
    """The same from one vector v.

    For `x = αv + z`, `z ⟂ v`, and t > 0: `R(x) ≤ (1 + t)α²R(v) + (1 + 1/t)R(z)`, so `most·|x|² − A(x) − R(x)` is at
    least `α²σ − 2|α||z|ε + |z|²μ` with `σ = most·|v|² − A(v) − (1 + t)R(v)`, ε the length of what Av has across v,
    `A(z) ≤ τ|z|²`, `μ = most − τ − (1 + 1/t)(share·τ + spread)`. That is above 0 if σ > 0, μ > 0 and `ε² < σμ`.
    """
    doubled, n = form.mid + form.mid.transpose(), form.mid.nrows()
    values = doubled.entries()
    drop = max(0, longest(values) - PLACES)
    A, unit = fmpz_mat(n, n, [x >> drop for x in values]), scale(form.bits + 1 - drop)
    off = (form.radius + (n * unit if drop else ZERO)).upper()
    v = _vector(A)
    image = (A * fmpz_mat(n, 1, v)).entries()
    size, along = sum(map(mul, v, v), fmpz(0)), sum(map(mul, v, image), fmpz(0))
    across = (arb(sum(map(mul, image, image), fmpz(0)) * size - along * along) / size).sqrt() * unit
    length = arb(size).sqrt().upper()
    seen = rest.seen(Image(fmpz_mat(n, 1, v), 0, length, length, ZERO))
    more = seen.mid[0, 0] * scale(seen.bits) + seen.radius
    room = most - off  # no member is farther above the middle
    sigma = room * size - along * unit - (1 + ONE / APART) * more
    if not sigma > 0:
        return False
    # of a multiple of vvᵀ nothing is left across, and its entries are rounded down
    square, scaled = size * size, [along * u for u in v]
    left = [x - u * w // square for x, (u, w) in zip(A.entries(), product(scaled, v), strict=True)]
    for norm in norms(fmpz_mat(n, n, left)):
        tau = (norm + n) * unit
        mu = room - tau - (1 + APART) * ((tau + off) * rest.share + rest.spread)
        if across ** 2 < sigma * mu:
            return True
    return False


def _vector(A: fmpz_mat) -> Integers:
    """About the eigenvector of the largest eigenvalue of `A ⪰ 0`, found by powers: nothing is proved of it."""
    n = A.nrows()
    at = max(range(n), key=lambda j: A[j, j])
    v = [A[j, at] for j in range(n)]
    for _ in range(ROUNDS):
        for _ in range(STEPS):
            drop = max(0, longest(v) - BITS)
            v = (A * fmpz_mat(n, 1, [x >> drop for x in v])).entries()
        v = [x >> max(0, longest(v) - BITS) for x in v]
        image = (A * fmpz_mat(n, 1, v)).entries()
        along = sum(map(mul, v, image), fmpz(0)) ** 2
        if sum(map(mul, v, v), fmpz(0)) * sum(map(mul, image, image), fmpz(0)) - along << CLOSE <= along:
            break
    return v
