"""D4 against every deletion of every subset, in rationals."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_deletions as checked
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.ridge import Ridge, ridge, solve
from certify.theorems.head.rows import squared_deletions
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared.contrasts import contrasts
from certify.theorems.head.rows.squared.node import Node, compare, prove_comparison, row_terms, without
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.spectral import Spectral, deleted_at_once, largest_block
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_labels import SquaredLabels
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles import squared_head as oracle


def truth(small: SmallHead, remaining: bool, rows: tuple[int, ...], count: int, j: int) -> tuple[bool, bool]:
    """Whether no deletion flips the point, and whether one does."""
    n, head = len(small.phi), as_head(small, remaining)
    lam = Fraction(head.weight_decay)
    mus = [lam * (n - d if remaining else n) for d in range(count + 1)]
    worst = [oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), mus, small.decayed.tolist(),
                                   small.points[j].tolist(), int(head.today[j]), rows, d, small.threshold)
             for d in range(count + 1)]
    some = [w for w in worst if w is not None]
    return all(w is not None and w > 0 for w in worst), any(w < 0 for w in some)


@pytest.mark.parametrize("remaining", [False, True])
@pytest.mark.parametrize(("outputs", "count"), [(1, 0), (1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_what_is_proved_is_true_and_what_flips_flips(outputs: int, count: int, remaining: bool) -> None:
    right = 0
    for seed in range(12):
        small = small_head(np.random.default_rng([seed, outputs, 4]), 8, outputs)
        head, rows = as_head(small, remaining), tuple(range(8)) if seed % 3 else (0, 2, 3, 5, 7)
        todo = head.today >= 0
        part = SquaredDeletions().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None
        assert part.flips is not None
        for j in np.flatnonzero(todo):
            stays, flips = truth(small, remaining, rows, count, int(j))
            assert stays or not part.proved[j]
            assert flips or part.flips.point[j] < 0
            right += bool(part.proved[j]) == stays
    assert right > 30


def test_the_spectral_bound_holds_every_deletion() -> None:
    held = 0
    for seed in range(20):
        small = small_head(np.random.default_rng([seed, 9]), 9, 1)
        system = ridge(small.phi, (30.0 * small.mu, 0.0), small.decayed)
        if isinstance(system, str):
            continue
        rows = np.arange(9)
        for m in (0, 1, 2, 3):
            kappa = largest_block(system, rows, m, lambda: False)
            if kappa is None:
                continue
            solved = solve(system, small.points)
            condition = contrasts(1, 1, small.threshold)[0]
            residuals = Outputs(system, small.Y).residuals(condition)
            taken = deleted_at_once(Spectral(system, rows, residuals, kappa, m), solved, np.arange(3), lambda: False)
            W = oracle.refit(small.phi.tolist(), small.Y.tolist(), 30.0 * small.mu, small.decayed.tolist())
            assert W is not None
            for j in range(3):
                before = oracle.margin(W, small.points[j].tolist(), 1, small.threshold)
                worst = oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), [30.0 * small.mu] * 4,
                                              small.decayed.tolist(), small.points[j].tolist(), 1, rows.tolist(), m,
                                              small.threshold)
                assert worst is None or float(before - worst) <= taken[j] + 1e-12
                held += worst is not None
    assert held > 99, held


def test_many_rows_go_the_spectral_way(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    phi = np.c_[rng.standard_normal((60, 2)), np.ones(60)]
    label = (phi[:, 0] > 0).astype(np.int64)
    codes = np.array([[-1.0], [1.0]])
    small = SmallHead(phi, codes[label], codes, label, 20.0, np.ones(3, dtype=bool),
                      np.c_[rng.standard_normal((20, 2)) * 2, np.ones(20)], label[:20], 0.0)
    for remaining in (False, True):
        head = as_head(small, remaining)
        change = RowChange(False, 2, tuple(range(60)))
        few = SquaredDeletions().prove(head, change, head.today >= 0, Budget())
        monkeypatch.setattr(squared_deletions, "DENSE", 10)
        many = SquaredDeletions().prove(head, change, head.today >= 0, Budget())
        monkeypatch.undo()
        assert few is not None
        assert many is not None
        assert not (many.proved & ~few.proved).any()
        assert many.proved.sum() >= 0.7 * few.proved.sum() > 0
        late = SquaredDeletions().prove(head, change, head.today >= 0, Budget(-1.0))
        assert late is not None
        assert not late.proved.any()


def test_terms_bound_every_deletion() -> None:
    """The sum bound, with and without pairs, against `c(I − K)⁻¹r` of every pair and triple."""
    rng, compared = np.random.default_rng(8), 0
    for _ in range(20):
        A = rng.standard_normal((7, 3))
        K = A @ np.linalg.solve(A.T @ A + rng.uniform(1, 8) * np.eye(3), A.T)
        node = Node((K + K.T) / 2, rng.standard_normal(7), rng.standard_normal(7), 1.0, (1e-14, 1e-14, 1e-14, 1e-14))
        for k in (2, 3):
            found = compare(node, k)
            if found is None:
                continue
            both = [row_terms(node, k, pairs, found) for pairs in (False, True)]
            for M in [list(m) for m in combinations(range(7), k)]:
                exact = np.linalg.solve(np.eye(k) - K[np.ix_(M, M)], node.r[M])
                assert (np.abs(exact - node.r[M] / (1 - np.diagonal(K)[M])) <= found.xi[M]).all()
                for w, slack in both:
                    assert node.c[M] @ exact <= w[M].sum() + slack
            compared += 1
    assert compared > 30, compared


def test_one_deletion_is_a_change_of_rank_one() -> None:
    rng = np.random.default_rng(3)
    phi, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    e = rng.standard_normal(2)

    def state(at: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        H = phi[at].T @ phi[at] + np.eye(2)
        w = np.linalg.solve(H, phi[at].T @ y[at])
        return phi @ np.linalg.solve(H, phi.T), y - phi @ w, phi @ np.linalg.solve(H, e), float(e @ w)

    K, r, c, z = state(list(range(6)))
    child = without(Node(K, r, c, z, (1e-15,) * 4), 2, np.array([0, 1, 4]))
    assert child is not None
    K, r, c, z = state([0, 1, 3, 4, 5])
    left = [0, 1, 4]
    for got, want, error in zip((child.K, child.r, child.c, child.z), (K[np.ix_(left, left)], r[left], c[left], z),
                                child.errors, strict=True):
        assert np.max(np.abs(got - want)) <= error + 1e-14
        assert error < 1e-12
    assert without(Node(np.eye(2), r[:2], c[:2], z, (0.0,) * 4), 0, np.array([1])) is None


def test_no_comparison_vector_but_a_true_one() -> None:
    size, low = np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([1.0, 1.0])
    base = np.array([1.0, 1.0])
    assert prove_comparison(size, low, base, np.array([2.1, 2.1]), 2) is not None
    for xi in ([2.0, 2.0], [1.9, 2.1], [np.nan, 3.0], [-1.0, 3.0], [0.0, 0.0]):
        assert prove_comparison(size, low, base, np.array(xi), 2) is None
    K = np.array([[0.4, 0.7], [0.7, 0.4]])
    assert compare(Node(K, np.ones(2), np.ones(2), 1.0, (0.0,) * 4), 2) is None


def test_what_the_method_is_not_for() -> None:
    head, method = as_head(small_head(np.random.default_rng(0), 5, 1)), SquaredDeletions()
    assert method.able(head, RowChange(False, 1, (0,))) == ""
    assert "labels" in method.able(head, RowChange(True, 1, (0,)))
    assert "logistic" in method.able(dataclasses.replace(head, loss=LogisticHead()), RowChange(False, 1, (0,)))
    assert "radius" in method.able(dataclasses.replace(head, phi_rad=np.full(5, 1e-9)), RowChange(False, 1, (0,)))
    assert "no row may change" in SquaredDeletions().able(head, RowChange(False, 1, ()))


def test_a_hat_matrix_block_near_one_proves_nothing() -> None:
    system = ridge(np.eye(3), (1e-12, 0.0), np.ones(3, dtype=bool))
    assert isinstance(system, Ridge)
    assert largest_block(system, np.arange(3), 1, lambda: False) is None


def test_the_decay_after_deletions_is_the_one_of_the_normalization() -> None:
    """A threshold between the worst refits with the two decays: one normalization stays, the other flips."""
    told = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 77])
        phi = np.c_[rng.standard_normal((7, 1)), np.ones(7)]
        label = (rng.random(7) < 0.7).astype(np.int64)
        codes = np.array([[0.0], [1.0]])
        e = np.array([[0.3, 1.0]])
        small = SmallHead(phi, codes[label], codes, label, 3.0, np.ones(2, dtype=bool), e, np.ones(1, np.int64), -1e3)
        worst = []
        for remaining in (False, True):
            lam = Fraction(as_head(small).weight_decay)
            mus = [lam * (7 - d if remaining else 7) for d in range(3)]
            given = phi.tolist(), small.Y.tolist(), mus, [True] * 2, e[0].tolist(), 1
            each = [oracle.worst_deletion(*given, range(7), d) for d in range(3)]
            worst.append(min(w for w in each if w is not None))
        if worst[0] == worst[1]:
            continue
        between = dataclasses.replace(small, threshold=float((worst[0] + worst[1]) / 2))
        for remaining in (False, True):
            head = as_head(between, remaining)
            if head.today[0] != 1:
                continue
            part = SquaredDeletions().prove(head, RowChange(False, 2, tuple(range(7))), head.today >= 0, Budget())
            assert part is not None
            stays = worst[remaining] == max(worst)
            assert part.proved[0] == stays
            twin = as_checked(between, head, tuple(range(7)), 2, False)
            assert stays or not checked.proved(twin, {}, "claim", [True])[0]
            arrays = {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in part.arrays.items()}
            assert not arrays or checked.proved(twin, arrays, "claim", [True])[0] == stays
            told += 1
    assert told > 10


@pytest.mark.parametrize("relabels", [False, True])
def test_fewer_rows_than_may_change(relabels: bool) -> None:
    """No row at all, or one where three may: what is today's stays, or what one row does."""
    proofs = 0
    for seed in range(12):
        head = as_head(small_head(np.random.default_rng([seed, 9]), 6, 1))
        if not head.decayed.all():
            continue
        method = SquaredLabels() if relabels else SquaredDeletions()
        todo = head.today >= 0
        none = method.prove(head, RowChange(relabels, 1, ()), todo, Budget())
        one, three = (method.prove(head, RowChange(relabels, m, (2,)), todo, Budget()) for m in (1, 3))
        assert none is not None and one is not None and three is not None
        assert (none.proved == todo).all()
        assert (one.proved == three.proved).all()
        proofs += int(three.proved.sum())
    assert proofs
