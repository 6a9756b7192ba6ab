"""D4, many rows: any m deletions by the largest eigenvalue of blocks of the hat matrix, in integers.

`K_MM ⪯ κI` and `λ ≥ κ/(1 − κ)` give `cᵀ(I − K_MM)⁻¹r ≤ c·r + ½λ(c·r + |c||r|)`, and `|c||r| ≤ ½(σ|c|² + τ|r|²)` for
`στ ≥ 1`: deleting M takes at most the sum over M of `(1 + ½λ)c_i r_i + ¼λ(σc_i² + τr_i²)`.
"""

from __future__ import annotations

import math
from heapq import nlargest

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.fixed import scale
from certify.check.linalg.large.products import bands
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.node import BITS, Node, top_sum
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, influences, nearest
from certify.check.theorems.head.rows.squared.root import Sides, ceiling

SHORT, LEFT = 24, 28
"""Bits of features, and of features times the inverse: their products stay in one machine word."""

MANY, ENOUGH = 16_384, arb(0.5)
"""Rows from which on the trace bounds eigenvalues too, and the trace below which no pair of so many is looked at."""

TRIED = (1.0, 0.6, 1.6)
"""Multiples of a first guess of σ."""


def largest_block(system: Ridge, rows: list[int], count: int) -> arb:
    """κ with `K_MM ⪯ κI` for every M of at most `count` of the rows: the largest row sum of its largest entries.

    Of many rows the trace, the largest of the diagonal together, where it is less: an entry of the diagonal is exact
    but for what X and the features err by.

    An entry of `Φ̂XΦ̂ᵀ` in short integers errs by `√p(2^−SHORT|G_i| + unit|φ_l|)`; X by the factor `ε‖H⁻¹‖`, and the
    features by `loose`.
    """
    X = system.inverse.X
    assert X is not None
    p, n = system.p, len(rows)
    flat = system.phi.mid.tolist()
    features = fmpz_mat(n, p, [x for i in rows for x in flat[i]])
    short = [[int(x) >> (FEATURE_BITS - SHORT) for x in flat[i]] for i in rows]
    longest = arb(max(sum(x * x for x in row) for row in short)).sqrt() * scale(SHORT) + arb(p).sqrt() * scale(SHORT)
    product = (features * X.mid).entries()
    drop = max(0, max((x.bit_length() for x in product), default=0) - LEFT)
    left = [x >> drop for x in product]
    bits = FEATURE_BITS + X.bits - drop
    far = longest + system.loose
    fixed = system.inverse.error * system.stretch**2 * far**2 + X.size * (2 * far * system.loose + system.loose**2)
    trace = None
    if n > MANY:
        trace = (_trace(features, product, count, FEATURE_BITS + X.bits + FEATURE_BITS) + count * fixed).upper()
        if trace < ENOUGH:
            return trace
    size = arb(max((sum(int(x) * int(x) for x in left[i * p:(i + 1) * p]) for i in range(n)), default=0)).sqrt()
    each = arb(p).sqrt() * (scale(SHORT) * size * scale(bits) + scale(bits) * longest)
    each += fixed
    across = fmpz_mat([[fmpz(x) for x in row] for row in short]).transpose()
    most = _most(fmpz_mat(n, p, left), across, n, min(count, n))
    found = (arb(most) * scale(bits + SHORT) + count * each).upper()
    return found if trace is None else found.min(trace)


def _trace(features: fmpz_mat, product: list[fmpz], m: int, bits: int) -> arb:
    """The m largest `φ̂ᵀXφ̂` together."""
    n, p = features.nrows(), features.ncols()
    values = features.entries()
    own = (sum((a * b for a, b in zip(values[i:i + p], product[i:i + p], strict=True)), fmpz(0))
           for i in range(0, n * p, p))
    return arb(sum(nlargest(m, own), fmpz(0))) * scale(bits)


def _most(left: fmpz_mat, across: fmpz_mat, n: int, m: int) -> int:
    """The largest sum of m entries, in size, of a row of the product; few entries of a row lie above the bar."""
    most, bar = 0, fmpz(0)
    for band in bands(left, across):
        for start in range(0, len(band), n):
            row = band[start:start + n]
            below = -bar
            over = [abs(int(x)) for x in row if x > bar or x < below]
            if len(over) < m or len(over) > 4 * m:
                over = [abs(int(x)) for x in row]
                bar = fmpz(sorted(over, reverse=True)[min(2 * m, n - 1)])
            most = max(most, sum(sorted(over, reverse=True)[:m]))
    return most


def spectral(head: Head, system: Ridge, at: list[int], count: int) -> list[bool]:
    """Which of some points stay after any `count` deletions."""
    rows = sorted(head.moving)
    kappa = largest_block(system, rows, count) if count else arb(0)
    if not kappa < 1:
        return [False] * len(at)
    half = ceiling(kappa / (1 - kappa), BITS - 30)  # λ = half·2^−30, rounded up
    evaluated = head.evaluated.tolist()
    points, loose = nearest([evaluated[j] for j in at])
    solutions, sides, found = system.solutions(points, loose), Sides(head, system, rows), []
    for place, q in enumerate(influences(system, solutions)):
        j = at[place]
        own = [q[i] for i in rows]
        others = [-1] if head.k == 1 else [b for b in range(head.k) if b != head.today[j]]
        found.append(all(holds(sides.root([], 0, head.today[j], b, solutions[place], own)[0], count, half)
                         for b in others))
    return found


def holds(node: Node, m: int, half: int) -> bool:
    """Whether any m deletions leave the contrast positive, with `λ = half·2^−30` and some σ."""
    if not node.least > 0:
        return False
    if m == 0:
        return True
    product = [c * r for c, r in zip(node.c, node.r, strict=True)]
    some = nlargest(m, range(len(product)), key=product.__getitem__)
    above = math.sqrt(sum(float(node.r[i]) ** 2 for i in some) + 1.0)
    guess = above / math.sqrt(sum(float(node.c[i]) ** 2 for i in some) + 1.0)
    return any(_holds(node, m, half, max(1, int(guess * f * 2.0**20))) for f in TRIED)


def _holds(node: Node, m: int, half: int, sigma: int) -> bool:
    """With `σ = sigma·2^−20` and τ its inverse rounded up; everything times `2^(2·BITS + 52)`, exactly."""
    tau = -(-(1 << 40) // sigma)
    once, c2, r2 = ((1 << 31) + half) << 21, half * sigma, half * tau
    terms = [c * (once * r + c2 * c) + r2 * r * r for c, r in zip(node.c, node.r, strict=True)]
    C, R = max(map(abs, node.c)), max(map(abs, node.r))
    slack = once * (C * node.er + R * node.ec + node.ec * node.er)
    slack += c2 * (2 * C + node.ec) * node.ec + r2 * (2 * R + node.er) * node.er
    return top_sum(terms, m) + m * slack < node.least << (BITS + 52)
