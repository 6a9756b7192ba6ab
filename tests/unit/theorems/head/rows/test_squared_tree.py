"""D4d against every deletion of every subset in rationals, by prover and checker; and what is no tree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_tree as checked
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared_tree import majorant as checked_majorant
from certify.check.theorems.head.rows.squared_tree import sums as checked_sums
from certify.check.theorems.head.rows.squared_tree import trees as checked_trees
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.squared import majorant
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_tree import SquaredTree, method, sums
from certify.theorems.head.rows.squared_tree.root import root_of
from certify.theorems.head.rows.squared_tree.state import without
from certify.theorems.head.rows.survey import survey
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.unit.theorems.head.rows.test_squared_deletions import truth

Arrays = dict[str, Array]


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points get trees of their own in small problems too."""
    monkeypatch.setattr(method, "DENSE", 0)


def read(arrays: dict[str, np.ndarray]) -> Arrays:
    return {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in arrays.items()}


def asked(head: Head, count: int, rows: tuple[int, ...]) -> Part:
    part = SquaredTree().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize("remaining", [False, True])
@pytest.mark.parametrize(("outputs", "count"), [(1, 0), (1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_what_is_proved_is_true_and_proved_again(outputs: int, count: int, remaining: bool) -> None:
    """As much as trees of one point each prove, and nothing false."""
    mine = others = 0
    for seed in range(8):
        small = small_head(np.random.default_rng([seed, outputs, 4]), 8, outputs)
        head, rows = as_head(small, remaining), tuple(range(8)) if seed % 3 else (0, 2, 3, 5, 7)
        part = asked(head, count, rows)
        other = SquaredDeletions().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
        assert other is not None
        for j in np.flatnonzero(part.proved):
            assert truth(small, remaining, rows, count, int(j))[0]
        mine, others = mine + int(part.proved.sum()), others + int(other.proved.sum())
        if part.arrays:
            twin = as_checked(small, head, rows, count, False)
            assert checked.proved(twin, read(part.arrays), "claim", part.proved.tolist()) == part.proved.tolist()
            every = checked.proved(twin, read(part.arrays), "claim", [True] * len(part.proved))
            assert every == part.proved.tolist()  # no tree names another point
    assert mine >= 0.9 * others > 0


def middling(seed: int, n: int = 30, k: int = 1) -> tuple[SmallHead, Head]:
    """Rows with some of large leverage, and points of several margins; n rows, more than are evaluated or kept."""
    rng = np.random.default_rng([seed, 16])
    phi = np.c_[rng.standard_normal((n, 3)), np.ones(n)]
    phi[:4, :3] *= 6.0
    classes = max(k, 2)
    label = (phi[:, :classes] + 0.7 * rng.standard_normal((n, classes))).argmax(axis=1)
    codes = np.array([[-1.0], [1.0]]) if k == 1 else 2 * np.eye(k) - 1
    points = np.c_[2 * rng.standard_normal((6, 3)), np.ones(6)]
    Y = codes[label]
    decayed = np.array([True, True, True, False])
    V = np.linalg.solve(phi.T @ phi + np.diag(decayed * 1.0), phi.T @ Y)
    Z = points @ V
    today = (Z[:, 0] > 0).astype(np.int64) if k == 1 else Z.argmax(axis=1)
    small = SmallHead(phi, Y, codes, label, 1.0, decayed, points, today, 0.0)
    return small, as_head(small)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little is kept and evaluated that bars and tails count in small problems."""
    monkeypatch.setattr(majorant, "KEPT", 3)
    monkeypatch.setattr(sums, "EVALUATED", (2, 5))
    monkeypatch.setattr(checked_majorant, "KEPT", 4)
    monkeypatch.setattr(checked_majorant, "SAMPLE", 1)
    monkeypatch.setattr(checked_sums, "EVALUATED", (2, 5))


@pytest.mark.parametrize("k", [1, 3])
def test_bars_and_tails(short: None, k: int) -> None:
    """With most entries under a bar and most rows in a tail what is proved is still true, and not nothing."""
    proofs = flips = 0
    for seed in range(4):
        small, head = middling(seed, 11, k)
        rows = tuple(range(11))
        for count in (1, 2, 3) if k == 1 else (1, 2):
            part = asked(head, count, rows)
            twin = as_checked(small, head, rows, count, False)
            again = checked.proved(twin, read(part.arrays), "claim", part.proved.tolist()) if part.arrays else []
            for j in range(len(head.points)):
                stays = truth(small, False, rows, count, j)[0]
                assert stays or not (part.proved[j] or (again and again[j]))
                flips += not stays
            proofs += sum(again)
    assert proofs > 8 and flips > 4


def sticking_out(seed: int) -> tuple[SmallHead, Head]:
    """One row is a thousand times as long as the others: what is left of its direction is about 1e−6."""
    rng = np.random.default_rng([seed, 17])
    n, p = 20, int(rng.integers(2, 6))
    label = np.append([0, 1], rng.integers(0, 2, n - 2))
    phi = np.c_[2.0 * rng.standard_normal((2, p))[label] + rng.standard_normal((n, p)), np.ones(n)]
    phi[int(rng.integers(n)), :p] *= 1e3
    phi = phi.astype(np.float32).astype(np.float64)
    codes, decayed, decay = np.array([[-1.0], [1.0]]), np.ones(p + 1, dtype=bool), float(10.0 ** rng.uniform(-2, 1))
    V = np.linalg.solve(phi.T @ phi + decay * np.eye(p + 1), phi.T @ codes[label])
    points = phi[rng.integers(0, n, 6)]
    today = ((points @ V)[:, 0] > 0).astype(np.int64)
    small = SmallHead(phi, codes[label], codes, label, decay, decayed, points, today, 0.0)
    return small, as_head(small)


@pytest.mark.parametrize("count", [1, 2])
def test_a_row_that_alone_carries_a_direction_is_checked(count: int) -> None:
    """What is proved is proved again, though `1 − K_ii` is as small as what short numbers err by."""
    proofs, rows = 0, tuple(range(20))
    for seed in range(12):
        small, head = sticking_out(seed)
        part = asked(head, count, rows)
        if part.proved.any():
            twin = as_checked(small, head, rows, count, False)
            with ctx.workprec(BITS):
                again = checked.proved(twin, read(part.arrays), "claim", part.proved.tolist())
            assert again == part.proved.tolist()
            proofs += int(part.proved.sum())
            assert all(truth(small, False, rows, count, int(j))[0] for j in np.flatnonzero(part.proved)[:1])
    assert proofs > 8


def test_sums_of_the_hat_matrix_are_bounded(short: None) -> None:
    """After two deletions, against the exact hat matrix in floats."""
    rng = np.random.default_rng(3)
    small, head = middling(1)
    system = ridge(head.phi, head.mu(0), head.decayed)
    assert isinstance(system, Ridge)
    root = root_of(head, system, np.arange(30), np.arange(6), lambda: False)
    assert root is not None
    order = np.array([4, 0, 9])
    state = root.state(order)
    for place in (0, 2):
        child = without(state, order, place, root.pairs)
        assert child is not None
        state = child
    left = np.setdiff1d(np.arange(30), [4, 9])
    H = small.phi[left].T @ small.phi[left] + np.diag(small.decayed * small.mu)
    K = small.phi @ np.linalg.solve(H, small.phi.T)
    assert np.allclose(state.d[1:4], np.diagonal(K)[1:4], atol=1e-9)
    assert np.allclose(state.reach, np.einsum("ij,ij->i", small.points, np.linalg.solve(H, small.points.T).T))
    v = np.where(np.isin(np.arange(30), [0, 4, 9]), 0.0, rng.random(30))
    for s in (1, 2, 5, 40):
        exact = np.abs(K) * v
        np.fill_diagonal(exact, 0.0)
        largest = np.sort(exact, axis=1)[:, -min(s, 30) :].sum(axis=1)
        found = sums.sums_at(state, root.hat, v, s)
        alive = v > 0
        assert (found[alive] >= largest[alive] * (1 - 1e-12)).all()


def changed(arrays: Arrays, name: str, change: Callable[[list[float]], list[float]]) -> Arrays:
    values = change(list(arrays[name].values))
    return {**arrays, name: Array((len(values),), tuple(values), arrays[name].kind)}


def case() -> tuple[object, Arrays, list[bool]]:
    """A head whose trees need their rows."""
    small, head = middling(0)
    part = asked(head, 3, tuple(range(30)))
    assert part.proved.sum() > 2 and len(part.arrays["order"]) > 2
    return as_checked(small, head, tuple(range(30)), 3, False), read(part.arrays), part.proved.tolist()


def test_arrays_that_are_no_trees_are_invalid() -> None:
    twin, arrays, stays = case()
    assert checked.proved(twin, arrays, "claim", stays) == stays  # type: ignore[arg-type]
    for damage in (changed(arrays, "trees", lambda v: [*v, 0.0]), changed(arrays, "trees", lambda v: [v[0] + 1]),
                   changed(arrays, "trees", lambda v: [-1.0]), changed(arrays, "lengths", lambda v: v[:-1]),
                   changed(arrays, "lengths", lambda v: [v[0] - 1, *v[1:]]),
                   changed(arrays, "order", lambda v: [30.0, *v[1:]]), changed(arrays, "order", lambda v: [-1, *v[1:]]),
                   changed(arrays, "order", lambda v: [v[1], *v[1:]]), changed(arrays, "points", lambda v: [6, *v[1:]]),
                   read({name: np.array(v) for name, v in {"trees": [1], "lengths": [1, 2], "order": [3],
                                                           "points": [1, 1]}.items()}),
                   {n: a for n, a in arrays.items() if n != "order"}, {**arrays, "levels": arrays["order"]},
                   {**arrays, "order": Array(arrays["order"].shape, arrays["order"].values, "f")}):
        with pytest.raises(Invalid):
            checked.proved(twin, damage, "claim", stays)  # type: ignore[arg-type]


def test_an_order_of_too_many_rows_is_refused_before_anything_is_formed() -> None:
    twin, arrays, stays = case()
    long = read({name: np.array(v) for name, v in {"trees": [1], "lengths": [129, 1], "order": [0] * 129,
                                                   "points": [0]}.items()})
    with pytest.raises(Invalid, match="sets 129 rows apart"):
        checked.proved(twin, long, "claim", stays)  # type: ignore[arg-type]


def test_other_orders_prove_what_they_can() -> None:
    """An order is only a proposal: none makes a false label stay, and without rows some points are lost."""
    twin, arrays, stays = case()
    without_rows = {**changed(arrays, "order", lambda v: []),
                    "lengths": Array(arrays["lengths"].shape, tuple(
                        0.0 if i % 2 == 0 else v for i, v in enumerate(arrays["lengths"].values)), "i")}
    assert sum(checked.proved(twin, without_rows, "claim", stays)) < sum(stays)  # type: ignore[arg-type]
    small, head = middling(2, 9)
    rows = tuple(range(9))
    every = {"trees": [1], "lengths": [9, 6], "order": list(range(9)), "points": list(range(6))}
    arrays = read({name: np.array(v, dtype=np.int64) for name, v in every.items()})
    for count in (2, 3):
        found = checked.proved(as_checked(small, head, rows, count, False), arrays, "claim", [True] * 6)
        for j in np.flatnonzero(found):
            assert truth(small, False, rows, count, int(j))[0]
        assert not all(found)


def test_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    twin, arrays, stays = case()
    monkeypatch.setattr(checked_trees, "DEEPEST", 2)
    assert not any(checked.proved(twin, arrays, "claim", stays))  # type: ignore[arg-type]
    monkeypatch.setattr(checked_trees, "DEEPEST", 128)
    monkeypatch.setattr("certify.check.theorems.head.rows.squared_tree.walk.NODES", 2)
    assert sum(checked.proved(twin, arrays, "claim", stays)) < sum(stays)  # type: ignore[arg-type]


def test_no_time_proves_nothing_and_a_row_that_fits_itself_is_not_deleted() -> None:
    _, head = middling(0)
    late = SquaredTree().prove(head, RowChange(False, 2, tuple(range(30))), head.today >= 0, Budget(-1.0))
    assert late is not None and not late.proved.any() and not late.arrays
    rng = np.random.default_rng(0)
    phi = np.c_[np.eye(4)[:, :1] * 1e8, rng.standard_normal((4, 1)), np.ones(4)]  # row 0 alone has column 0
    small = SmallHead(phi, np.ones((4, 1)), np.array([[-1.0], [1.0]]), np.ones(4, np.int64), 1e-3, np.ones(3, bool),
                      phi[:1], np.ones(1, np.int64), 0.0)
    part = asked(as_head(small), 1, (0, 1, 2, 3))
    assert not part.proved.any()


def test_it_is_for_deleted_rows_and_the_squared_loss() -> None:
    head = as_head(small_head(np.random.default_rng(0), 5, 1))
    assert SquaredTree().able(head, RowChange(False, 1, (0,))) == ""
    assert "labels" in SquaredTree().able(head, RowChange(True, 1, (0,)))
    small = small_head(np.random.default_rng(0), 5, 1)
    with pytest.raises(Invalid, match="deleted"):
        checked.proved(as_checked(small, as_head(small), (0,), 1, True), {}, "claim", [True] * 3)
    assert method.GROUPS > 1


def test_more_choices_than_a_float_can_count() -> None:
    """C(3000, 200) has more than 308 digits: what would be counted out is said, and others go on."""
    rng = np.random.default_rng(0)
    phi = np.c_[rng.standard_normal((3000, 1)), np.ones(3000)]
    label = (phi[:, 0] > 0).astype(np.int64)
    codes = np.array([[-1.0], [1.0]])
    small = SmallHead(phi, codes[label], codes, label, 1.0, np.ones(2, bool), np.array([[3.0, 1.0]]),
                      np.ones(1, np.int64), 0.0)
    found = survey(as_head(small), RowChange(False, 200, tuple(range(3000))), 20.0)
    assert found.proved.all()
    assert "e+3" in Enumeration().able(as_head(small), RowChange(False, 200, tuple(range(3000))))
