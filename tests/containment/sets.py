"""Containment of N1, N2 and N3: brute force over signs, vertices and supports never leaves the enclosure.

The oracle inverts a rational kernel and goes through every vertex of the set; where the set has none (norm 2, several
outputs) it tries many changes, and the lower end has to be reached by the change its witness names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
from flint import arb

from certify.network.layers.kernel import Kernel
from certify.problem.perturbations.factor import BlockFactor, feature_factor, target_factor
from certify.problem.perturbations.row_sets import RowSets, feature_sets, target_sets
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls
from certify.systems.interpolation.congruence import Congruence, congruence
from certify.theorems.modulus.given_change import enclose_change
from certify.theorems.modulus.row_budgets import BudgetEnds, enclose_row_budgets
from tests.containment.network import direction, kernel_member
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.families import adversarial as families
from tests.oracles import matrices as exact

Rng = np.random.Generator
Vector = list[arb]
MOST = 2500
"""Vertices that are gone through; a case with more is made smaller."""


def random_sets(rng: Rng, n: int, k: int, arithmetic: Arithmetic) -> tuple[RowSets, BlockFactor]:
    """What rows can do: rows that stay, rows without effect, unequal sizes, radii from none to large."""
    norm: int | str = [1, 2, "inf"][int(rng.integers(3))]
    moves = rng.random(n) < 0.85
    moves[int(rng.integers(n))] = True
    if rng.random() < 0.2:
        return target_sets(n, k, moves, norm), target_factor(n, k, moves)
    d = int(rng.integers(1, 4))
    G = rng.standard_normal((n * k, d)) if rng.random() < 0.7 else rng.integers(-3, 4, (n * k, d)).astype(float)
    G *= np.repeat(families.powers(rng, n, -6, 6) if rng.random() < 0.4 else np.ones(n), k)[:, None]
    if rng.random() < 0.1:
        G[: k] = 0.0
    rad = rng.random(n * k) * np.abs(G).max(axis=1) * float(rng.choice([0.0, 0.0, 1e-16, 1e-9, 1e-3]))
    balls = Balls.make(Pair(G), rad, Binary64())
    return feature_sets(balls, n, k, moves, norm), feature_factor(balls, n, k, moves)


def random_kernel(rng: Rng, N: int) -> Kernel:
    """A positive definite kernel: well or badly conditioned, equicorrelated (where sums of M_ii fail), integer."""
    kind = rng.random()
    if kind < 0.3:
        A = np.ones((N, N)) + float(rng.choice([1e-3, 0.1, 1.0])) * np.eye(N)
        A = np.linalg.inv(A) if rng.random() < 0.7 else A
        A = (A + A.T) / 2
    elif kind < 0.6:
        B = rng.integers(-2, 3, (N, N + 1)).astype(float)
        A = B @ B.T + np.eye(N)
    else:
        B = rng.standard_normal((N, N + int(rng.integers(0, 3))))
        A = B @ B.T + 10.0 ** float(rng.integers(-8, 1)) * np.eye(N)
        A = np.tril(A) + np.tril(A, -1).T
    e = np.sqrt(np.abs(np.diagonal(A))) * float(rng.choice([1e-17, 1e-15, 1e-9])) + 2.0**-540
    return Kernel(Pair(A), e, np.sqrt(np.abs(np.diagonal(A))) + 2.0**-450)


def budgets(rng: Rng, sparse: bool) -> Outcome:
    """`enclose_row_budgets` on a random problem, for members of every enclosure."""
    k = int(rng.choice([1, 1, 1, 2, 3]))
    n = int(rng.integers(1, 7 if k == 1 else 4))
    arithmetic = Binary64()
    sets, Q = random_sets(rng, n, k, arithmetic)
    K = random_kernel(rng, n * k)
    X = refusing(lambda: congruence(K, arithmetic))
    if not isinstance(X, Congruence):
        return "refused"
    count = int(rng.integers(1, n + 1)) if sparse else n
    ends = refusing(lambda: enclose_row_budgets(K, sets, Q, X, arithmetic, count))
    if ends is None:
        return "refused"
    with exact.precision(256):
        for corner in (False, True):
            check(ends, K, sets, count, rng, corner)
    return "decided" if ends.upper is not None else "refused"


def check(ends: BudgetEnds, K: Kernel, sets: RowSets, count: int, rng: Rng, corner: bool) -> None:
    """Both ends against brute force for one member."""
    inverse, G = members(K, sets, rng, corner)
    if inverse is None:
        return
    moves = [i for i, moving in enumerate(sets.moves) if moving]
    given = {"K": K.mid, "e": K.e, "s": K.s, "G": sets.G, "rad": sets.rad, "norm": sets.norm, "count": count}
    best = arb(0)
    for s in changes(G, sets.norm, moves, min(count, len(moves)), rng):
        value = form(inverse, s)
        best = best.max(value)
        if ends.upper is not None:
            expect(not value > arb(ends.upper) ** 2, f"motion² ≤ {ends.upper!r}² ({ends.member})", **given)
    if ends.lower and ends.z is not None:
        reached = form(inverse, named_change(G, sets.norm, ends.z, moves, count)).max(best)
        expect(not reached < arb(ends.lower) ** 2, f"some motion ≥ {ends.lower!r}", **given)


def members(K: Kernel, sets: RowSets, rng: Rng, corner: bool) -> tuple[list[Vector] | None, list[list[Vector]]]:
    """The inverse of a kernel within the radius, and matrices G_i within theirs, as balls."""
    M = kernel_member(K, rng, corner)
    inverse = exact.inverse(M) if exact.is_definite(M) else None
    found = []
    for rows, r in zip(sets.G, sets.rad, strict=True):
        block = exact.matrix(rows)
        if corner and r > 0:
            a = int(rng.integers(len(block)))
            block[a] = [x + exact.rational(r) * v for x, v in zip(block[a], direction(rng, len(block[a])), strict=True)]
        found.append([[arb(x) for x in row] for row in block])
    return (None if inverse is None else [[arb(x) for x in row] for row in inverse]), found


def changes(G: list[list[Vector]], norm: int | str, moves: list[int], count: int, rng: Rng) -> Iterator[Vector]:
    """Sums `s` of every vertex of the set, or of a random choice where there are too many or none."""
    k = len(G[0])
    if not moves:
        return
    vertices = {i: corners(G[i], norm, rng) for i in moves}
    each = max(len(v) for v in vertices.values())
    supports = list(combinations(moves, count))
    everything = len(supports) * each**count <= MOST
    for support in supports if everything else [supports[int(rng.integers(len(supports)))] for _ in range(100)]:
        if everything:
            choices: Iterator[tuple[Vector, ...]] = product(*(vertices[i] for i in support))
        else:
            choices = (tuple(vertices[i][int(rng.integers(len(vertices[i])))] for i in support) for _ in range(8))
        for chosen in choices:
            s = [arb(0)] * (len(G) * k)
            for i, part in zip(support, chosen, strict=True):
                s[i * k:(i + 1) * k] = part
            yield s


def corners(G: list[Vector], norm: int | str, rng: Rng) -> list[Vector]:
    """`G_iu` for the vertices u of the unit ball; norm 2 with several outputs: for some unit vectors."""
    d = len(G[0])
    if len(G) == 1:
        g = G[0]
        size = (sum((v * v for v in g), arb(0)).sqrt() if norm == 2 else
                sum(map(abs, g), arb(0)) if norm == "inf" else max_of([abs(v) for v in g]))
        return [[size], [-size]]
    if norm == 1:
        units = [[arb(sign * (a == b)) for b in range(d)] for a in range(d) for sign in (1, -1)]
    elif norm == "inf":
        units = [[arb(v) for v in signs] for signs in product((1, -1), repeat=d)]
    else:
        units = []
        for _ in range(8):
            v = [arb(float(x)) for x in rng.standard_normal(d)]
            size = sum((x * x for x in v), arb(0)).sqrt()
            units.append([x / size for x in v])
    return [[sum((a * b for a, b in zip(row, u, strict=True)), arb(0)) for row in G] for u in units]


def named_change(G: list[list[Vector]], norm: int | str, z: np.ndarray, moves: list[int], count: int) -> Vector:
    """The change that gains most for multipliers z, within the budget whatever rounding does."""
    k = len(G[0])
    gains, parts = [], {}
    for i in moves:
        y = [sum((G[i][a][b] * arb(float(z[i * k + a])) for a in range(k)), arb(0)) for b in range(len(G[i][0]))]
        if norm == 2:
            size = sum((v * v for v in y), arb(0)).sqrt()
            u = [v / size for v in y] if size > 0 else [arb(0)] * len(y)
        elif norm == 1:
            at = max(range(len(y)), key=lambda b: abs(float(y[b].mid())))
            size, u = abs(y[at]), [arb((1 if y[at] > 0 else -1) * (b == at)) for b in range(len(y))]
        else:
            size, u = sum(map(abs, y), arb(0)), [arb(1 if v > 0 else -1) for v in y]
        gains.append((float(size.mid()), i))
        parts[i] = [sum((a * b for a, b in zip(row, u, strict=True)), arb(0)) for row in G[i]]
    s = [arb(0)] * (len(G) * k)
    for _, i in sorted(gains, reverse=True)[:count]:
        s[i * k:(i + 1) * k] = parts[i]
    return s


@attack("given_change", "N3", slow=1)
def given_change(rng: Rng) -> Outcome:
    """`enclose_change` contains the exact motion for members of every enclosure."""
    k = int(rng.integers(1, 4))
    n = int(rng.integers(1, 5))
    sets, _ = random_sets(rng, n, k, Binary64())
    K = random_kernel(rng, n * k)
    X = refusing(lambda: congruence(K, Binary64()))
    if not isinstance(X, Congruence):
        return "refused"
    u = rng.standard_normal((n, sets.G.shape[2])) * float(rng.choice([1e-200, 1e-9, 1.0, 1e9]))
    u *= (rng.random(n) < 0.8)[:, None] * sets.moves[:, None]
    ends = refusing(lambda: enclose_change(sets, u, X))
    if ends is None:
        return "refused"
    with exact.precision(256):
        for corner in (False, True):
            inverse, G = members(K, sets, rng, corner)
            if inverse is None:
                continue
            s = [sum((g * arb(float(v)) for g, v in zip(row, u[i], strict=True)), arb(0))
                 for i, rows in enumerate(G) for row in rows]
            square = form(inverse, s)
            inside = not square > arb(ends.upper) ** 2 and not square < arb(ends.lower) ** 2
            expect(inside, f"{ends.lower!r} ≤ motion ≤ {ends.upper!r}", K=K.mid, e=K.e, G=sets.G, rad=sets.rad, u=u)
    return "decided"


def form(M: list[Vector], s: Vector) -> arb:
    """`sᵀMs`."""
    total = arb(0)
    for row, x in zip(M, s, strict=True):
        if not x == 0:
            total += x * sum((a * b for a, b in zip(row, s, strict=True)), arb(0))
    return total


def max_of(values: Vector) -> arb:
    """The largest."""
    most = values[0]
    for v in values[1:]:
        most = most.max(v)
    return most


@attack("box", "N0", "N1", slow=1)
def box(rng: Rng) -> Outcome:
    return budgets(rng, sparse=False)


@attack("sparse", "N0", "N2", slow=1)
def sparse(rng: Rng) -> Outcome:
    return budgets(rng, sparse=True)
