"""Solution sets: excess and Hausdorff distance against enumeration, derivatives against sets solved again.

The oracles share nothing with `certify.sets`: corners by solving every set of rows, distances by projecting on the hull
of every face, infinite excess by a point far along a ray, affine sets by ranks and Gram matrices.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import fmpq, fmpq_mat

from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets import Ball, Extent, GraphicalDerivative, Polyhedron, excess, hausdorff
from certify.theorems.excess.window import enclose_window_excess
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect

Rng = np.random.Generator
Row = tuple[Fraction, ...]
STEP = 1e-6


def _inner(x: Row, y: Row) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def _matrix(rows: list[Row], columns: int) -> fmpq_mat:
    return fmpq_mat(len(rows), columns, [fmpq(v.numerator, v.denominator) for row in rows for v in row])


def _fraction(q: fmpq) -> Fraction:
    return Fraction(int(q.p), int(q.q))


def _solved(rows: list[Row], right: list[Fraction]) -> Row | None:
    """The solution of a square system, None if there is not exactly one."""
    try:
        found = _matrix(rows, len(rows)).solve(_matrix([(v,) for v in right], 1))
    except ZeroDivisionError:
        return None
    return tuple(_fraction(found[i, 0]) for i in range(len(rows)))


class Rows:
    """`{x : Ax ≤ b, Ex = f}` for the oracles."""

    def __init__(self, A: list[Row], b: list[Fraction], E: list[Row], f: list[Fraction], d: int) -> None:
        self.A, self.b, self.E, self.f, self.d = A, b, E, f, d

    def holds(self, x: Row) -> bool:
        return all(_inner(a, x) <= c for a, c in zip(self.A, self.b, strict=True)) and all(
            _inner(e, x) == c for e, c in zip(self.E, self.f, strict=True))

    def corners(self) -> list[Row]:
        """Points of the set at which d independent rows hold with equality."""
        rows, right = self.A + self.E, self.b + self.f
        found: set[Row] = set()
        for chosen in combinations(range(len(rows)), self.d):
            x = _solved([rows[i] for i in chosen], [right[i] for i in chosen])
            if x is not None and self.holds(x):
                found.add(x)
        return sorted(found)

    def squared_distance(self, p: Row) -> Fraction:
        """Over the projections on the hulls of all faces."""
        rows, right = self.A + self.E, self.b + self.f
        best: Fraction | None = None
        for k in range(min(self.d, len(rows)) + 1):
            for chosen in combinations(range(len(rows)), k):
                N = [rows[i] for i in chosen]
                gap = [_inner(r, p) - right[i] for r, i in zip(N, chosen, strict=True)]
                lam = _solved([tuple(_inner(r, s) for s in N) for r in N], gap) if N else ()
                if lam is None:
                    continue
                x = tuple(p[j] - sum((w * r[j] for w, r in zip(lam, N, strict=True)), Fraction(0))
                          for j in range(self.d))
                if self.holds(x):
                    size = sum(((u - v) ** 2 for u, v in zip(x, p, strict=True)), Fraction(0))
                    best = size if best is None else min(best, size)
        assert best is not None
        return best


def _random_rows(rng: Rng, d: int, bounded: bool) -> Rows:
    """Rows that hold at a random point; with an outer simplex where the set is to be bounded."""
    inside = tuple(Fraction(int(v), 2) for v in rng.integers(-6, 7, d))
    A, b = [], []
    if bounded:  # −x_i ≤ …, Σx_i ≤ …: a simplex around the point, skewed
        for j in range(d):
            A.append(tuple(Fraction(-int(i == j)) for i in range(d)))
        A.append(tuple(Fraction(int(v)) for v in rng.integers(1, 4, d)))
    for _ in range(int(rng.integers(0, 4 if d < 4 else 3))):
        A.append(tuple(Fraction(int(v)) for v in rng.integers(-4, 5, d)))
    b = [_inner(a, inside) + int(rng.integers(0, 6)) for a in A]
    E = [tuple(Fraction(int(v)) for v in rng.integers(-3, 4, d)) for _ in range(int(rng.random() < 0.25))]
    return Rows(A, b, E, [_inner(e, inside) for e in E], d)


def _polyhedron(rows: Rows) -> Polyhedron:
    return Polyhedron(rows.A, rows.b, rows.E, rows.f, space=rows.d)


@attack("polytopes", slow=1)
def polytopes(rng: Rng) -> Outcome:
    """`e(C, D)`, `e(D, C)` and the Hausdorff distance of two polytopes are the exact numbers of the enumeration."""
    d = int(rng.choice([1, 2, 3, 4], p=[0.15, 0.35, 0.3, 0.2]))
    first, second = (_random_rows(rng, d, True) for _ in range(2))
    C, D = _polyhedron(first), _polyhedron(second)
    given = {"C": C, "D": D}
    corners = [first.corners(), second.corners()]
    for P, found in zip((C, D), corners, strict=True):
        expect(set(P.vertices) == set(found), "vertices", **given)
    true = [max(b.squared_distance(v) for v in vs) for vs, b in zip(corners, (second, first), strict=True)]
    for got, square, name in ((excess(C, D), true[0], "e(C, D)"), (excess(D, C), true[1], "e(D, C)"),
                              (hausdorff(C, D), max(true), "Hausdorff distance")):
        expect(got.square == square and encloses(got, square), name, **given)
    return "decided"


def encloses(found: Extent, square: Fraction) -> bool:
    """Whether `√square` lies between the ends."""
    return Fraction(found.lower) ** 2 <= square <= Fraction(found.upper) ** 2


@attack("polyhedra", slow=1)
def polyhedra(rng: Rng) -> Outcome:
    """Unbounded sets too: infinite exactly where far points of C run away from D; no point of C beyond the excess."""
    d = int(rng.choice([1, 2, 3, 4], p=[0.15, 0.4, 0.3, 0.15]))
    first, second = _random_rows(rng, d, False), _random_rows(rng, d, rng.random() < 0.3)
    C, D = _polyhedron(first), _polyhedron(second)
    found, given = excess(C, D), {"C": C, "D": D}
    g = C.generators
    rays = [*g.rays, *g.lines, *(tuple(-v for v in line) for line in g.lines)]
    if found.lower == math.inf:
        far = max(second.squared_distance(tuple(v + 10**6 * r for v, r in zip(g.vertices[0], ray, strict=True)))
                  for ray in rays)
        expect(far > 10**8, "an infinite excess has a ray that runs away", **given)
        return "decided"
    expect(found.square is not None and encloses(found, found.square), "a finite excess is exact", **given)
    assert found.square is not None
    expect(found.square == max(second.squared_distance(v) for v in g.vertices), "it is attained at a corner", **given)
    for _ in range(3):
        weights = [Fraction(int(v)) for v in rng.integers(0, 4, len(g.vertices))]
        weights[0] += 1
        x = [sum((w * v[j] for w, v in zip(weights, g.vertices, strict=True)), Fraction(0)) / sum(weights)
             for j in range(d)]
        for ray in rays:
            t = Fraction(int(rng.integers(0, 100)))
            x = [a + t * r for a, r in zip(x, ray, strict=True)]
        expect(first.holds(tuple(x)) and second.squared_distance(tuple(x)) <= found.square, "points of C", **given)
    return "decided"


@attack("affine_sets", slow=1)
def affine_sets(rng: Rng) -> Outcome:
    """Parallel, nested, crossing and skew affine sets by ranks and Gram matrices; windows by principal angles."""
    d = int(rng.integers(1, 5))
    E = [tuple(Fraction(int(v)) for v in rng.integers(-3, 4, d)) for _ in range(int(rng.integers(1, d + 1)))]
    kind = rng.random()
    if kind < 0.5:  # rows of the span: C ⊂ or ∥ D
        F = [tuple(sum((int(rng.integers(-2, 3)) * e[j] for e in E), Fraction(0)) for j in range(d))
             for _ in range(len(E))] if kind < 0.25 else [tuple(2 * v for v in e) for e in E[: max(1, len(E) - 1)]]
    else:
        F = [tuple(Fraction(int(v)) for v in rng.integers(-3, 4, d)) for _ in range(int(rng.integers(1, d + 1)))]
    points = [tuple(Fraction(int(v), 2) for v in rng.integers(-6, 7, d)) for _ in range(2)]
    C, D = (Polyhedron.affine(M, [_inner(m, p) for m in M]) for M, p in zip((E, F), points, strict=True))
    given = {"C": C, "D": D}
    true = [_affine_excess(E, points[0], F, points[1]), _affine_excess(F, points[1], E, points[0])]
    for got, square in zip((excess(C, D), excess(D, C)), true, strict=True):
        expect(_is(got, square), "excess of affine sets", **given)
    both = None if None in true else max(v for v in true if v is not None)
    expect(_is(hausdorff(C, D), both), "Hausdorff distance of affine sets", **given)
    if d <= 3 and rng.random() < 0.05:
        radius = Fraction(int(rng.integers(1, 9)), 2)
        zero = [Polyhedron.affine(M, [0] * len(M)) for M in (E, F)]
        found = excess(*zero, Ball([0] * d, radius))
        angle = float(radius) * _gap(E, F)
        expect(found.lower <= angle + 1e-9 and angle - 1e-9 <= found.upper, "excess on a window", **given)
        close = found.upper <= angle + 1e-5 * (1 + angle)
        expect(close or "cuts were not enough" in found.reason, "the window's ends are close, or say why not", **given)
    return "decided"


def _is(found: Extent, square: Fraction | None) -> bool:
    return found.lower == math.inf if square is None else found.square == square and encloses(found, square)


def _affine_excess(E: list[Row], p: Row, F: list[Row], q: Row) -> Fraction | None:
    """`sup d(x, q + ker F)²` over `x ∈ p + ker E`; None: infinite, as ker E is not within ker F."""
    d = len(p)
    if _matrix(E + F, d).rank() > _matrix(E, d).rank():
        return None
    basis, rank = _matrix(F, d).rref()
    rows = [tuple(_fraction(basis[i, j]) for j in range(d)) for i in range(rank)]
    gap = [_inner(r, p) - _inner(r, q) for r in rows]
    if not rows:
        return Fraction(0)
    lam = _solved([tuple(_inner(r, s) for s in rows) for r in rows], gap)
    assert lam is not None
    return sum((a * b for a, b in zip(lam, gap, strict=True)), Fraction(0))


def _gap(E: list[Row], F: list[Row]) -> float:
    """`‖(I − P_{ker F}) P_{ker E}‖`, in floats."""
    e, f = (np.array([[float(v) for v in row] for row in M]) for M in (E, F))
    inside = np.eye(e.shape[1]) - np.linalg.pinv(e) @ e
    return float(np.linalg.norm(np.linalg.pinv(f) @ f @ inside, 2))


@attack("solved_again", slow=4)
def solved_again(rng: Rng) -> Outcome:
    """The derivative's shortest member is what the nearest point of the set does that is solved again for moved data.

    Products `w_1…w_m x` and linear networks of two layers (critical, Hessians singular along their symmetries), linear
    and ReLU networks with as many weights as equations or more (interpolation, Hessians singular on the kernel).
    """
    return _product(rng) if rng.random() < 0.4 else _fitted(rng)


def _product(rng: Rng) -> Outcome:
    from certify.symbolic import critical

    m, n = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    at = [Fraction(int(k), 2) for k in rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], m)]
    x = rng.choice([-3, -2, -1, 1, 2, 3], n)
    value = math.prod(at)
    system = critical([[at]], [[int(v)] for v in x], [value * int(v) for v in x], product=True)
    expect(len(system.names) == m - 1 and system.surjective, "m − 1 symmetries", at=at, x=x)
    mu = [int(v) for v in rng.integers(-3, 4, n)]
    member = np.array([float(v) for v in system.member(mu)])
    # all minimisers have the product Σxy/Σx², exactly; the nearest of them is found along the normal
    moved = [Fraction(int(v)) + Fraction(STEP) * k for v, k in zip(x, mu, strict=True)]
    target = sum((a * value * int(b) for a, b in zip(moved, x, strict=True)), Fraction(0)) / sum(
        (a * a for a in moved), Fraction(0))
    w = [Fraction(v) for v in at]
    gradient = [math.prod(w[:j] + w[j + 1 :]) for j in range(m)]
    t = (target - value) / sum(g * g for g in gradient)
    for _ in range(3):  # Newton along the fixed normal, in rationals: |error| of second order in the step
        new = [v + t * g for v, g in zip(w, gradient, strict=True)]
        slope = sum(math.prod(new[:j] + new[j + 1 :]) * g for j, g in enumerate(gradient))
        t = Fraction(float(t - (math.prod(new) - target) / slope))
    slopes = np.array([float(t * g / Fraction(STEP)) for g in gradient])
    close = bool(np.linalg.norm(slopes - member) <= 1e-3 * (1 + np.linalg.norm(member)))
    expect(close, "the shortest member", at=at, x=x, mu=mu)
    return "decided"


def _fitted(rng: Rng) -> Outcome:
    """An interpolation problem with fewer equations than weights: Gauss-Newton from w̄ on the moved rows."""
    relu = rng.random() < 0.5
    d = int(rng.integers(2, 4))
    widths = [d, int(rng.integers(2, 4)), 1] if relu else [d, 1]
    n = int(rng.integers(1, 3))
    weights = tuple(rng.integers(-4, 5, (b, a)) / 2 for a, b in zip(widths, widths[1:], strict=False))
    X = rng.integers(-6, 7, (n, d)) / 2
    net = Network(weights, (None,) * len(weights), "relu" if relu else "identity")
    try:
        problem = Problem(net, X, None, "features", tuple(range(n)))
        D = GraphicalDerivative.of(problem)
    except InputError:
        return "refused"
    singular = np.linalg.svd(D.G_w, compute_uv=False)
    pre = X @ weights[0].T
    if singular[-1] < 0.05 or (relu and np.abs(pre).min() < 0.1):
        return "refused"  # at a kink, or where the step is not small beside the condition of the problem
    mu = rng.integers(-3, 4, (n, d)).astype(float)
    found = D(mu)
    H = D.G_w.T @ D.G_w / n
    expect(np.linalg.matrix_rank(H, tol=1e-9) == n, "the Hessian has the rank of the rows", X=X)  # singular if p > n
    w = w0 = np.concatenate([W.ravel() for W in weights])
    y = _output(w0, X, widths, relu)
    for _ in range(12):
        w = w - np.linalg.pinv(D.G_w) @ (_output(w, X + STEP * mu, widths, relu) - y)
    slope = (w - w0) / STEP
    given = {"X": X, "mu": mu, **{f"W{i}": W for i, W in enumerate(weights)}}
    expect(not found.empty and found.kernel.shape[1] == len(w0) - n, "the set of directions", **given)
    expect(bool(np.linalg.norm(slope - found.member) <= 1e-2 * (1 + np.linalg.norm(found.member))), "member", **given)
    return "decided"


def _output(w: np.ndarray, X: np.ndarray, widths: list[int], relu: bool) -> np.ndarray:
    first = w[: widths[0] * widths[1]].reshape(widths[1], widths[0])
    if not relu:
        return (X @ first.T).ravel()
    return np.maximum(X @ first.T, 0.0) @ w[widths[0] * widths[1] :]


@attack("window_excess", "S14", slow=1)
def window_excess(rng: Rng) -> Outcome:
    """S14 on random last layers: ascent from many starts stays below the upper ends and reaches the lower ones."""
    d, q, k = int(rng.integers(1, 4)), int(rng.integers(2, 7)), int(rng.integers(1, 3))
    n = int(rng.integers(1, q))
    kind = str(rng.choice(["identity", "relu", "tanh"]))
    V, W = rng.standard_normal((q, d)), rng.standard_normal((k, q))
    X, u = rng.standard_normal((n, d)), 10.0 ** rng.integers(-6, 1) * rng.standard_normal((n, d))
    targets = rng.random() < 0.25
    if targets:
        u = u[:, :1] * np.ones((1, k))
    problem = Problem(Network((V, W), (None, None), kind), X, None, "targets" if targets else "features",
                      tuple(range(n)), layer=2, set="given", change=u)  # fmt: skip
    rho = float(rng.choice([0.1, 1.0, 10.0]))
    found = enclose_window_excess(problem, rho)
    phi = {"identity": lambda z: z, "relu": lambda z: np.maximum(z, 0.0), "tanh": np.tanh}[kind]
    A = phi(X @ V.T)
    B = A if targets else phi((X + u) @ V.T)
    if isinstance(found, str) or min(np.linalg.svd(M, compute_uv=False)[-1] for M in (A, B)) < 1e-4:
        return "refused"
    P, Q = (np.linalg.pinv(M) @ M for M in (A, B))
    c = np.linalg.pinv(B) @ (u if targets else (A - B) @ W.T)
    given = {"V": V, "W": W, "X": X, "u": u, "rho": rho, "kind": kind}
    free, after = np.eye(q) - P, np.eye(q) - Q
    best = _ascent(rng, c, -free @ c, free @ Q @ free, free, rho)
    ends = [(found.contraction, best)]
    room = rho**2 - float((c * c).sum())
    if room > 1e-9:
        ends.append((found.expansion, _ascent(rng, P @ c, after @ P @ c, after @ P @ after, after, math.sqrt(room))))
    elif room < -1e-9:
        expect(found.expansion.upper == 0.0, "the window misses S(u)", **given)
    for e, value in ends:
        slack = 1e-7 * (1 + value)  # of the floats here: condition numbers to 1e4
        expect(value <= e.upper + slack and e.lower <= value + slack, "the largest distance", value=value, **given)
    return "decided"


def _ascent(rng: Rng, a: np.ndarray, g: np.ndarray, T: np.ndarray, free: np.ndarray, r: float) -> float:
    """The root of the largest `|a|² + 2⟨g, y⟩ + ⟨y, Ty⟩` found on the sphere: `y ← r(g + Ty)/|g + Ty|` never falls."""
    best = float((a * a).sum())
    top = np.linalg.eigh(T)[1][:, -1:]
    starts = [g, *(sign * top * np.ones((1, a.shape[1])) for sign in (1, -1))]
    for start in [*starts, *(free @ rng.standard_normal(a.shape) for _ in range(12))]:
        size = np.linalg.norm(free @ start)
        if size < 1e-12:
            continue
        y = free @ start * (r / size)
        for _ in range(300):
            step = g + T @ y
            length = np.linalg.norm(step)
            if length < 1e-300:
                break
            y = step * (r / length)
        y = free @ y
        best = max(best, float((a * a).sum() + 2 * (g * y).sum() + (y * (T @ y)).sum()))
    return math.sqrt(max(best, 0.0))
