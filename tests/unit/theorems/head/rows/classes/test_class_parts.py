"""D15: what each step says, against numbers of 50 digits, where rounding is nearly as large as what bounds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpmath import matrix, mp, mpf

from certify.format.errors import EnclosureError
from certify.rigor.fp import U
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.systems.head.rows.stored.tally import PerRow
from certify.theorems.head.rows.classes import pairs as pairs_module
from certify.theorems.head.rows.classes import system as systems
from certify.theorems.head.rows.classes.answered import asked
from certify.theorems.head.rows.classes.centre import Centre, Ground, gradients, kept_share
from certify.theorems.head.rows.classes.lengths import Measure
from certify.theorems.head.rows.classes.pairs import Pairs, pairs_of
from certify.theorems.head.rows.classes.per_row import Each, measured
from certify.theorems.head.rows.classes.reach import reach
from certify.theorems.head.rows.classes.slopes import chances
from certify.theorems.head.rows.classes.stepped import LEFT, Stepped
from certify.theorems.head.rows.classes.system import factored, system
from certify.theorems.head.rows.lengths.centre import scaled

Array = np.ndarray
SURE = 1.0 - 1e-9
"""How near a bound without any other slack comes."""


def softmax(z: list[mpf]) -> list[mpf]:
    """Of outputs whose last one is 0."""
    e = [mp.exp(v) for v in z]
    return [v / mp.fsum(e) for v in e]


def outputs(V: Array, row: Array) -> list[mpf]:
    """Exactly, with the last class."""
    return [mp.fsum(mpf(a) * mpf(b) for a, b in zip(one, row.tolist(), strict=True)) for one in V.tolist()] + [mpf(0)]


def ground(seed: int, n: int = 14, k: int = 3) -> Ground:
    """Rows of two columns of other sizes and a 1, of which the middle one bears decay."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2)) * [1e-5, 300.0]
    y = rng.integers(0, k, n)
    rows = scaled(Rows(Held(np.c_[X, np.ones(n)]), np.ones(3)), 1e-3, np.array([False, True, False]))
    return Ground(rows, rows.per_row(y), np.array([0.0, 1e-3, 0.0]) * rows.scale**2, 0.0)


def at_some(seed: int, far: float = 1.0, n: int = 14, k: int = 3) -> Centre:
    """A centre that is no minimum."""
    g = ground(seed, n, k)
    V = far * np.random.default_rng(seed + 50).standard_normal((k - 1, 3))
    by = system(g.rows, V, g.mu, g.mu_off)
    found = gradients(g, V, by, V[None], np.array([-1]), np.zeros(n))
    return Centre(g, V, by, float(found.bound[0]))


def exact_H(c: Centre) -> matrix:
    """H to 50 digits, with the roots as they are in floats."""
    q, p = c.V.shape
    whole, H = c.ground.rows.whole(), mp.zeros(q * p)
    for row, roots in zip(whole.tolist(), chances(c.V, whole).roots, strict=True):
        for a, b in pairs_of(q + 1):
            d = matrix([mpf(0)] * (q * p))
            for at in range(p):
                d[a * p + at] += mpf(row[at])
                if b < q:
                    d[b * p + at] -= mpf(row[at])
            H += mpf(float(roots[a] * roots[b])) ** 2 * d * d.T
    for a in range(q):
        for b in range(q):
            for at in range(p):
                H[a * p + at, b * p + at] += mpf(float(c.ground.mu[at])) * ((a == b) - mpf(1) / (q + 1))
    return H


def crossed(row: Array, v: list[mpf]) -> matrix:
    """`v ⊗ x`."""
    return matrix([w * mpf(x) for w in v for x in row.tolist()])


def test_probabilities_are_as_sure_as_they_are_said_to_be() -> None:
    mp.dps, seen = 50, 0.0
    rng = np.random.default_rng(0)
    part = rng.standard_normal((200, 2))
    part[:, 1] = part[:, 0] * 3.0
    V = np.array([[3e9, -1e9], [-6e9, 2e9]]) * (1.0 + 1e-9 * rng.standard_normal((2, 2)))
    at = chances(V, part)
    for row, sigma, share, unsure, roots in zip(part, at.sigma, at.part, at.unsure, at.roots, strict=True):
        exact = softmax(outputs(V, row))
        for one, other in zip(exact, sigma.tolist(), strict=True):
            assert abs(one - mpf(other)) <= mpf(share) * mpf(other)
            seen = max(seen, float(abs(one / mpf(other) - 1)))
        for a, b in pairs_of(3):
            r = mpf(float(roots[a] * roots[b])) ** 2
            assert abs(exact[a] * exact[b] - r) <= mpf(unsure) * r
    assert seen > 1e6 * U  # the rounding of outputs is seen
    far = chances(np.array([[301.0]]), np.array([[1.0], [0.5]]))
    assert np.isinf(far.part).tolist() == [True, False]


@pytest.mark.parametrize("seed", range(3))
def test_gradients_lengths_and_leverages_are_measured(seed: int) -> None:
    mp.dps = 50
    c = at_some(seed)
    H, (q, p) = exact_H(c), c.V.shape
    whole, y = c.ground.rows.whole(), c.ground.label.array
    inverse = mp.inverse(H)

    def long(v: matrix) -> mpf:
        return mp.sqrt((v.T * inverse * v)[0])

    R = matrix(c.system.R.tolist())
    assert mp.mnorm(R * H * R.T - mp.eye(q * p), "f") <= c.system.delta
    numbers = c.ground.rows.tallied(Each(c.V, c.ground.label, c.measure.R, c.measure.size, c.measure.gap)).numbers()
    g = matrix([mpf(0)] * (q * p))
    for i, row in enumerate(whole):
        sigma = softmax(outputs(c.V, row))
        pull = [s - (a == y[i]) for a, s in enumerate(sigma)][:q]
        g += crossed(row, pull)
        pairs = {(a, b): long(crossed(row, [mpf((e == a) - (e == b)) for e in range(q)])) for a, b in pairs_of(q + 1)}
        roots = chances(c.V, row[None]).roots[0]
        exact = max(pairs.values()), long(crossed(row, pull)), max(v for ab, v in pairs.items() if y[i] in ab)
        for one, bound in zip(exact, numbers[:3, i].tolist(), strict=True):
            assert one <= mpf(bound) <= one / mpf(SURE) ** 40
        A = mp.zeros(q)
        for a, b in pairs_of(q + 1):
            d = matrix([mpf((e == a) - (e == b)) for e in range(q)])
            A += mpf(float(roots[a] * roots[b])) ** 2 * d * d.T
        each = [crossed(row, [mpf(e == a) for e in range(q)]) for a in range(q)]
        K = matrix([[(u.T * inverse * v)[0] for v in each] for u in each])
        half = mp.cholesky(A)
        leverage = max(mp.eigsy(half.T * K * half, eigvals_only=True))
        trace = mp.fsum((mpf(float(roots[a] * roots[b])) * v) ** 2 for (a, b), v in pairs.items())
        assert leverage <= mpf(numbers[3, i]) <= min(trace, mp.root(q, 4) * leverage + mpf(1e-3)) / mpf(SURE) ** 40
        said = asked(c.measure, row[None], np.array([0])).lengths[0]
        assert all(pairs[0, b] <= mpf(said[b]) <= pairs[0, b] / mpf(SURE) ** 40 for b in range(1, q + 1))
    for a in range(q):
        for at in range(p):
            g[a * p + at] += mpf(float(c.ground.mu[at])) * (
                mpf(float(c.V[a, at])) - mp.fsum(map(mpf, c.V[:, at].tolist())) / (q + 1))
    assert long(g) <= c.residual <= long(g) * (1 + mpf(1e-8))


def test_any_factor_serves_with_what_it_misses() -> None:
    """One that is too short, or too long, by as much as delta says."""
    c = at_some(1)
    row = c.ground.rows.whole()[:1]
    exact = c.measure.of(row).pairs()
    for factor in (0.9, 1.1):
        rough = Measure(factor * c.system.R, factor * c.system.size, replace(
            c.system, delta=abs(factor**2 - 1.0) + c.system.delta).gap)
        said = rough.of(row).pairs()
        assert (said >= exact * SURE).all()
        assert (said <= 1.6 * exact).all()


def test_products_with_the_factor_are_not_trusted() -> None:
    """Rows of which rounding leaves nothing: the length as computed is not enough."""
    mp.dps = 50
    R = np.array([[1.0, 0.0], [1e8, -1e8 / 3.0]])
    row = np.array([[1.0, 3.0 * (1.0 + 2.0 * U)]])
    image = matrix(R.tolist()) * matrix(row[0].tolist())
    exact = mp.sqrt(mp.fsum(v * v for v in image))
    assert Measure(R, float(np.linalg.norm(R) * 1.001), 1.0).of(row).pairs()[0, 0, 1] >= exact


def test_factors_that_are_none_are_refused() -> None:
    for H, unit in ((np.array([[1.0, 1.0], [1.0, 1.0 - U]]), 0.0), (np.eye(2), 0.6), (np.full((2, 2), 1e300), 0.0)):
        with pytest.raises(EnclosureError, match="more weight decay"):
            factored(H, np.ones(2), unit, 0.0)
    with pytest.raises(EnclosureError, match="positive definite"):
        factored(np.eye(2), np.ones(2), 0.0, 0.6)
    rng = np.random.default_rng(0)
    A = rng.standard_normal((1200, 700))
    H = A.T @ A
    R, delta, size = factored(H, np.sqrt(np.diagonal(H)), 0.0, 0.0)
    assert np.linalg.norm(R @ H @ R.T - np.eye(700)) <= delta < 1e-6
    assert np.linalg.norm(R) <= size
    assert not np.triu(R, 1).any()


def test_sums_that_are_off_as_far_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    share, whole = 1e-3, pairs_module.summed
    exact = at_some(2)
    rows = exact.ground.rows.whole()
    for sign in (-1.0, 1.0):
        with monkeypatch.context() as rough:
            rough.setattr(systems, "unit_of", lambda rows: share)
            rough.setattr(pairs_module, "summed", lambda part, B, sign=sign: whole(part, B) * (1.0 + sign * share))
            c = at_some(2)
        assert (c.measure.of(rows).pairs() >= exact.measure.of(rows).pairs() * SURE).all()
        assert c.residual >= exact.residual * SURE


@pytest.mark.parametrize("seed", range(3))
def test_gradients_at_other_weights_without_a_row(seed: int) -> None:
    mp.dps = 50
    c = at_some(seed)
    (q, p), n = c.V.shape, 14
    whole, y, rng = c.ground.rows.whole(), c.ground.label.array, np.random.default_rng(seed)
    W = c.V[None] + 0.3 * rng.standard_normal((4, q, p))
    without, leverage = np.array([3, 0, -1, 13]), rng.uniform(0.0, 0.4, n)
    found = gradients(c.ground, c.V, c.system, W, without, leverage)
    inverse = mp.inverse(exact_H(c))
    for t, (one, gone) in enumerate(zip(W, without, strict=True)):
        g, lacks = matrix([mpf(0)] * (q * p)), [mpf(0)] * len(LEFT)
        for i, row in enumerate(whole):
            if i != gone:
                here = outputs(one, row)
                g += crossed(row, [s - (a == y[i]) for a, s in enumerate(softmax(here))][:q])
                moved = [a - b for a, b in zip(here, outputs(c.V, row), strict=True)]
                kept = mp.exp(min(moved) - max(moved))
                lacks = [s + max(mpf(left) - kept, 0) * mpf(leverage[i]) for s, left in zip(lacks, LEFT, strict=True)]
        for a in range(q):
            for at in range(p):
                g[a * p + at] += mpf(float(c.ground.mu[at])) * (
                    mpf(float(one[a, at])) - mp.fsum(map(mpf, one[:, at].tolist())) / (q + 1))
        long = mp.sqrt((g.T * inverse * g)[0])
        assert long <= found.bound[t] <= long * (1 + mpf(1e-8))
        assert all(s <= said <= s * (1 + mpf(1e-8)) + mpf(1e-9)
                   for s, said in zip(lacks, found.lacks[:, t].tolist(), strict=True))


def test_shares_hold_the_matrices() -> None:
    """The least eigenvalue of what is left, over H."""
    c = at_some(1, n=60)
    (q, p), n = c.V.shape, 60
    whole = c.ground.rows.whole()
    numbers = c.ground.rows.tallied(Each(c.V, c.ground.label, c.measure.R, c.measure.size, c.measure.gap)).numbers()
    W = c.V[None] + 0.2 * np.random.default_rng(0).standard_normal((n, q, p))
    found = gradients(c.ground, c.V, c.system, W, np.arange(n), numbers[3])
    held = kept_share(found.lacks, numbers[3], c.system.unsure)
    sigma = chances(c.V, whole).sigma
    A = sigma[:, :, None] * np.eye(q + 1) - sigma[:, :, None] * sigma[:, None, :]
    Z = np.kron(np.eye(q) - 1.0 / (q + 1), np.diag(c.ground.mu))
    tight = 0
    for i in range(n):
        moved = np.c_[whole @ (W[i] - c.V).T, np.zeros(n)]
        kept = np.exp(moved.min(axis=1) - moved.max(axis=1)) * (np.arange(n) != i)
        B = np.einsum("n,nab,np,nq->apbq", kept, A[:, :q, :q], whole, whole).reshape(q * p, q * p) + Z
        least = np.linalg.eigvalsh(c.system.R @ B @ c.system.R.T)[0]
        assert held[i] <= least + 1e-10
        tight += bool(held[i] > 0.5 * least)
    assert tight > 5


def test_a_distance_is_one_at_which_the_curvature_still_holds() -> None:
    pull, held, lost, longest = (np.array([0.05, 0.3, 0.5, 0.1]), np.array([1.0, 0.9, 0.99, 0.3]),
                                 np.array([0.0, 0.1, 0.3, 0.29]), 1.3)
    found = reach(pull, held, lost, longest)
    assert np.isfinite(found).tolist() == [True, True, False, False]
    for P, f, k, a in zip(pull.tolist(), held.tolist(), lost.tolist(), found.tolist(), strict=True):
        def over(x: float, P: float = P, f: float = f, k: float = k) -> float:
            return P / (f * -np.expm1(-x * longest) / (x * longest) - k)

        if np.isfinite(a):
            assert any(over(x) < x and abs(over(x) - a) < 1e-8 for x in np.geomspace(1.0 + 2.0**-20, 12.0, 160) * P / (
                f - k))
        else:
            assert not any(0.0 < over(x) < x for x in np.geomspace(0.01, 20.0, 2000))
    assert np.isinf(reach(np.array([np.inf, np.nan]), np.ones(2), np.zeros(2), 1.0)).all()


def test_parts_read_by_others_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "BLOCK", 4)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    g = ground(6, n=37)
    rng = np.random.default_rng(0)
    V, R = rng.standard_normal((2, 3)), np.tril(np.ones((6, 6)))
    for task in (Pairs(V, 0, 2), Each(V, g.label, R, 5.0, 1.0),
                 Stepped(V, V[None] + rng.standard_normal((3, 2, 3)), np.array([0, 36, -1]), g.label, np.ones(37))):
        parts = list(g.rows.parts(task.beside))
        assert len(parts) == 10
        whole = g.rows.tallied(task).told()
        for cut in range(len(parts) + 1):
            tallies = task.tally(), task.tally()
            for number, (start, part) in enumerate(parts):
                tallies[number >= cut].take(number, start, part)
            tallies[0].add(tallies[1].told())
            told = tallies[0].told()
            assert set(told) == set(whole)
            assert all((told[name] == whole[name]).all() for name in whole)
    assert isinstance(g.label, PerRow)


@pytest.mark.parametrize("output", [20.0, 150.0, 190.0, 250.0])
def test_the_leverage_of_a_row_that_is_nearly_certain(output: float) -> None:
    """Of one column and two classes it is r²x² where H is 1; its fourth power is below the least double from 190 on."""
    part, V = np.array([[1.0]]), np.array([[output]])
    at = chances(V, part)
    claimed = measured(at, Measure(np.eye(1), 1.0, 1.0).of(part), np.array([0]))[3, 0]
    true = float(at.roots[0, 0] * at.roots[0, 1]) ** 2
    assert true <= claimed <= true * (1.0 + 1e-9) + 1e-300


def test_a_part_is_shorter_where_classes_are_many() -> None:
    """Six arrays of k × k numbers a row were held for hundreds of thousands of rows at once."""
    label = PerRow("", np.zeros(4, np.int64))
    few, many = (Each(np.zeros((k - 1, 3)), label, np.eye(3 * (k - 1)), 1.0, 1.0) for k in (3, 20))
    rows = Rows(Held(np.zeros((300_000, 3))), np.ones(3))
    assert rows.step(many.beside) * 8 * 400 <= 2**22 and rows.step(few.beside) > rows.step(many.beside)
