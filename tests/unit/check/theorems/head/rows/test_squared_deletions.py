"""D4 in the checker: what it proves is true, what the prover proves it proves, and no other tree passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flint import arb

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_deletions
from certify.check.theorems.head.rows.squared import spectral as spectral_deletions
from certify.check.theorems.head.rows.squared.node import BITS, ONE, Node, compare, without
from certify.check.theorems.head.rows.squared.ridge import Ridge
from certify.check.theorems.head.rows.squared_deletions import _judged, proved
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.unit.theorems.head.rows.test_squared_deletions import truth

Arrays = dict[str, Array]


def read(arrays: dict[str, np.ndarray]) -> Arrays:
    return {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in arrays.items()}


@pytest.mark.parametrize("remaining", [False, True])
@pytest.mark.parametrize(("outputs", "count"), [(1, 0), (1, 1), (1, 2), (1, 3), (3, 2)])
def test_what_is_proved_is_proved_again(outputs: int, count: int, remaining: bool) -> None:
    proofs = 0
    for seed in range(10):
        small = small_head(np.random.default_rng([seed, outputs, 7]), 9, outputs)
        head, rows = as_head(small, remaining), tuple(range(9)) if seed % 3 else (0, 2, 3, 5, 7)
        todo = head.today >= 0
        part = SquaredDeletions().prove(head, RowChange(False, count, rows), todo, Budget())
        assert part is not None
        if not part.arrays:
            continue
        twin = as_checked(small, head, rows, count, False)
        found = proved(twin, read(part.arrays), "claim", part.proved.tolist())
        assert found == part.proved.tolist()
        for j in np.flatnonzero(todo & ~part.proved):
            assert not proved(twin, read(part.arrays), "claim", (np.arange(3) == j).tolist())[j]
        proofs += sum(found)
    assert proofs > 4, proofs


@pytest.mark.parametrize("alike", [False, True])
def test_residuals_next_to_nothing(alike: bool) -> None:
    """One label alone and a free intercept: the fit is exact, and the prover's comparison is near 0."""
    proofs = 0
    for seed in range(8):
        rng = np.random.default_rng([seed, 41])
        n, rows = 6, (0, 1, 2) if alike else (0, 2)
        phi = np.c_[rng.standard_normal((n, 2)), np.ones(n)]
        Y = np.ones((n, 1)) if alike else phi[:, :1] * 0.5 + 1.0
        if not alike:  # without a row of its own leverage no other row has a part in its comparison
            phi[2] = 0.0
        head = Head(phi, np.zeros(n), Y, np.array([[-1.0], [1.0]]), np.ones(n, np.int64), SquaredHead(),
                    np.array([[0.0, 0.0, 1.0]]), 0.3, np.array([True, True, False]), False, phi[:3], np.zeros(3))
        part = SquaredDeletions().prove(head, RowChange(False, 2, rows), head.today >= 0, Budget())
        assert part is not None
        if not part.proved.any():
            continue
        proofs += 1
        small = SmallHead(phi, Y, np.array([[-1.0], [1.0]]), np.ones(n, np.int64), 0.3 * n,
                          np.array([True, True, False]), phi[:3], head.today, 0.0)
        twin = as_checked(small, head, rows, 2, False)
        assert proved(twin, read(dict(part.arrays)), "claim", part.proved.tolist()) == part.proved.tolist()
    assert proofs


def test_a_comparison_is_grown_only_as_far_as_it_holds() -> None:
    entry = int(0.6 * ONE)
    stiff = Node([0, 1, 2], [[entry] * 3] * 3, [1] * 3, [ONE] * 3, ONE, 0, 2, 0, 0)  # no vector holds: 0.4 < 1.2
    assert _judged(stiff, 3, [1, 1, 1]) is None
    entry = int(0.2 * ONE)
    clear = Node([0, 1, 2], [[entry] * 3] * 3, [ONE] * 3, [ONE] * 3, ONE, 0, 2, 0, 0)
    assert _judged(clear, 3, [1, 1, 1]) is None  # the residuals are no rounding: what is stated has to hold
    mild = Node([0, 1, 2], [[entry] * 3] * 3, [1] * 3, [ONE] * 3, ONE, 0, 2, 0, 0)
    found = _judged(mild, 3, [1, 1, 1])
    assert found is not None and compare(mild, 3, found) is not None and compare(mild, 3, [1, 1, 1]) is None


def case(count: int = 3) -> tuple[SmallHead, object, Arrays, list[bool]]:
    """A head with trees that have nodes."""
    for seed in range(100):
        small = small_head(np.random.default_rng([seed, 31]), 14, 1)
        head = as_head(small)
        part = SquaredDeletions().prove(head, RowChange(False, count, tuple(range(14))), head.today >= 0, Budget())
        assert part is not None
        if part.arrays and part.proved.any() and len(part.arrays["order"]) > 2:
            twin = as_checked(small, head, tuple(range(14)), count, False)
            return small, twin, read(part.arrays), part.proved.tolist()
    raise AssertionError


def changed(arrays: Arrays, name: str, change: Callable[[list[float]], list[float]]) -> Arrays:
    old = arrays[name]
    values = change(list(old.values))
    return {**arrays, name: Array((len(values),), tuple(values), old.kind)}


def test_damaged_trees_prove_nothing_or_are_invalid() -> None:
    _, twin, arrays, stays = case()
    assert proved(twin, arrays, "claim", stays) == stays  # type: ignore[arg-type]
    for damage in (changed(arrays, "vectors", lambda v: [0.0 for _ in v]),
                   changed(arrays, "vectors", lambda v: [-x for x in v]),
                   changed(arrays, "vectors", lambda v: [0.3 * x for x in v]),
                   changed(arrays, "order", lambda v: [99 for _ in v]),
                   changed(arrays, "order", lambda v: [v[0] for _ in v])):
        assert proved(twin, damage, "claim", stays) != stays  # type: ignore[arg-type]
    for damage in (changed(arrays, "nodes", lambda v: [*v[:-1], v[-1] + 1]), changed(arrays, "hot", lambda v: v[:-1]),
                   changed(arrays, "apart", lambda v: [99, *v[1:]]), changed(arrays, "lengths", lambda v: [-1, *v[1:]]),
                   changed(arrays, "kept", lambda v: [0, *v]), changed(arrays, "comparison", lambda v: [-1, *v[1:]]),
                   changed(arrays, "points", lambda v: [v[0], *v]),
                   {n: a for n, a in arrays.items() if n != "order"},
                   {**arrays, "order": Array(arrays["order"].shape, arrays["order"].values, "f")}):
        with pytest.raises(Invalid):
            proved(twin, damage, "claim", stays)  # type: ignore[arg-type]


def test_a_tree_too_deep_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's frames bound how deep trees can be, whatever the file says."""
    _, twin, arrays, stays = case()
    monkeypatch.setattr(squared_deletions, "DEEPEST", -1)
    assert proved(twin, arrays, "claim", stays) != stays  # type: ignore[arg-type]


def test_a_cut_off_tree_is_no_proof() -> None:
    _, twin, arrays, stays = case()
    hot = [int(h) for h in arrays["hot"].values]
    fewer = {**arrays, "hot": Array((len(hot),), tuple(float(h) for h in [hot[0] - 1, *hot[1:]]), "i"),
             "apart": Array((len(hot),), tuple(min(a, h) for a, h in zip(arrays["apart"].values, [hot[0] - 1, *hot[1:]],
                                                                      strict=True)), "i")}
    fewer = changed(fewer, "order", lambda v: v[:hot[0] - 1] + v[hot[0]:]) if hot[0] else fewer
    if hot[0]:
        assert proved(twin, fewer, "claim", stays) != stays  # type: ignore[arg-type]


def test_the_spectral_way_is_true_and_says_something() -> None:
    said = 0
    for seed in range(15):
        small = small_head(np.random.default_rng([seed, 2]), 8, 1)
        for remaining in (False, True):
            head = as_head(small, remaining)
            for count in (0, 1, 2):
                twin = as_checked(small, head, tuple(range(8)), count, False)
                found = proved(twin, {}, "claim", (head.today >= 0).tolist())
                for j in np.flatnonzero(found):
                    assert truth(small, remaining, tuple(range(8)), count, int(j))[0]
                said += sum(found)
    assert said > 20


def test_blocks_of_the_hat_matrix_are_bounded() -> None:
    rng = np.random.default_rng(0)
    for p, n in ((2, 40), (5, 300)):
        phi = rng.standard_normal((n, p)) * 10.0 ** rng.integers(-3, 4, p)
        K = phi @ np.linalg.solve(phi.T @ phi + np.diag(np.full(p, 0.1)), phi.T)
        system = Ridge(phi.tolist(), arb(0.1), [True] * p)
        for m in (1, 2, 7, n):
            exact = np.sort(np.abs(K), axis=1)[:, -m:].sum(axis=1).max()
            kappa = float(spectral_deletions.largest_block(system, list(range(n)), m))
            assert exact * (1 - 1e-9) <= kappa <= exact * 1.05 + 1e-3 * m


def test_no_false_comparison_and_no_deletion_of_a_row_that_fits_itself() -> None:
    half, node = ONE // 2, Node([0, 1], [[0, ONE // 2], [ONE // 2, 0]], [ONE, ONE], [ONE, ONE], ONE, 0, 0, 0, 0)
    assert compare(node, 2, [ONE + 1, ONE + 1]) is not None
    assert compare(node, 2, [ONE, ONE]) is None
    assert compare(node, 2, [0, 0]) is None
    full = Node([0, 1], [[ONE, half], [half, 0]], [ONE, ONE], [ONE, ONE], ONE, 0, 0, 0, 0)
    assert without(full, 0, set()) is None
    assert compare(full, 1, []) is None


def test_one_deletion_holds_the_exact_numbers() -> None:
    rng = np.random.default_rng(5)
    phi = rng.standard_normal((5, 2))
    K = phi @ np.linalg.solve(phi.T @ phi + np.eye(2), phi.T)
    left = [1, 2, 3, 4]
    H = phi[left].T @ phi[left] + np.eye(2)
    after = phi[left] @ np.linalg.solve(H, phi[left].T)
    whole = [[int(x * ONE) for x in row] for row in K.tolist()]
    child = without(Node(list(range(5)), whole, [ONE] * 5, [ONE] * 5, ONE, 4, 1, 1, 1), 0, set())
    assert child is not None
    assert child.rows == left
    assert np.max(np.abs(np.array(child.K) / 2.0**BITS - after)) <= (child.eK + 8) / 2.0**BITS
    assert child.eK < 200


def test_the_checker_refuses_another_change() -> None:
    small = small_head(np.random.default_rng(0), 5, 1)
    with pytest.raises(Invalid, match="deleted"):
        proved(as_checked(small, as_head(small), (0,), 1, True), {}, "claim", [True] * 3)
