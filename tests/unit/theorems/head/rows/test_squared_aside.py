"""D4e against every deletion of every subset in rationals, by prover and checker; and what is no set of rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_aside as checked
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.squared.ridge import ridge_of as checked_ridge
from certify.check.theorems.head.rows.squared_aside import both as checked_both
from certify.check.theorems.head.rows.squared_aside import sets
from certify.check.theorems.head.rows.squared_aside.sums import Bounds
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.squared_aside import SquaredAside, method
from certify.theorems.head.rows.squared_aside.both import whole_of, without
from certify.theorems.head.rows.squared_aside.sums import coupling
from certify.theorems.head.rows.survey import ASIDE_FROM, order, survey
from tests.effort import FULL
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.families.thin_heads import AXES, OUTPUTS, answers
from tests.unit.theorems.head.rows.test_squared_deletions import truth

Arrays = dict[str, Array]


def read(arrays: dict[str, np.ndarray]) -> Arrays:
    return {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in arrays.items()}


def stated(order: list[int], points: list[int]) -> Arrays:
    """One set of rows."""
    whole = {"trees": [1], "lengths": [len(order), len(points)], "order": order, "points": points}
    return read({name: np.array(v, dtype=np.int64) for name, v in whole.items()})


def asked(head: Head, count: int, rows: tuple[int, ...]) -> Part:
    part = SquaredAside().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
    assert part is not None
    return part


def again(small: SmallHead, head: Head, rows: tuple[int, ...], count: int, arrays: Arrays, ask: list[bool],
          ) -> list[bool]:
    with ctx.workprec(BITS):
        return checked.proved(as_checked(small, head, rows, count, False), arrays, "claim", ask)


def clustered(seed: int, n: int = 11, k: int = 1, members: int = 3) -> tuple[SmallHead, Head]:
    """Some rows alone have a column, and another one that is nearly the same; all of these may go at once."""
    rng = np.random.default_rng([seed, 21])
    classes = max(k, 2)
    label = np.arange(n) % classes
    phi = np.c_[2.0 * rng.standard_normal((classes, 2))[label] + 0.4 * rng.standard_normal((n, 2)), np.zeros((n, 2))]
    phi[:members, 2] = 3.0 + rng.integers(0, 3, members)
    phi[:members, 3] = phi[:members, 2] + 0.5 * rng.integers(0, 2, members)
    phi = np.round(np.c_[phi, np.ones(n)], 3)
    codes = np.array([[-1.0], [1.0]]) if k == 1 else 2 * np.eye(k) - 1
    decayed = np.array([True] * 4 + [False])
    V = np.linalg.solve(phi.T @ phi + np.diag(decayed * 1.0), phi.T @ codes[label])
    points = np.c_[2.5 * rng.standard_normal((5, 2)), np.zeros((5, 2)), np.ones(5)]
    Z = points @ V
    today = (Z[:, 0] > 0).astype(np.int64) if k == 1 else Z.argmax(axis=1)
    small = SmallHead(phi, codes[label], codes, label, 1.0, decayed, points, today, 0.0)
    return small, as_head(small)


@pytest.mark.parametrize("remaining", [False, True])
@pytest.mark.parametrize(("outputs", "count"), [(1, 0), (1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_what_is_proved_is_true_and_proved_again(outputs: int, count: int, remaining: bool) -> None:
    proved = 0
    hard = [small_head(np.random.default_rng([seed, outputs, 4]), 8, outputs) for seed in range(4)]  # few labels stay
    for at, small in enumerate([*hard, *(clustered(seed, 12, outputs)[0] for seed in (0, 1, 3))]):
        if at > len(hard) and proved >= 8 and not FULL:
            break
        head, rows = as_head(small, remaining), tuple(range(len(small.phi))) if at % 2 else (0, 1, 2, 3, 5, 7)
        part = asked(head, count, rows)
        for j in np.flatnonzero(part.proved):
            assert truth(small, remaining, rows, count, int(j))[0]
        assert bool(part.arrays) == part.proved.any()
        if part.arrays:
            assert again(small, head, rows, count, read(part.arrays), part.proved.tolist()) == part.proved.tolist()
        proved += int(part.proved.sum())
    assert proved >= 8, proved


@pytest.mark.parametrize("name", [*AXES, *OUTPUTS])
def test_what_lies_just_inside_is_proved_and_just_past_is_not(name: str) -> None:
    """Nothing is lost on these heads: whatever a checker forgets, it proves what is false."""
    assert answers(name) == (True, False)


@pytest.mark.parametrize(("k", "count"), [(1, 2), (1, 3), (3, 2)])
def test_a_cluster_may_go_as_a_whole(k: int, count: int) -> None:
    """Absolute values add up to 1 and more in it; set aside it costs what its rows are worth."""
    proofs = 0
    for seed in range(8):
        if proofs >= 4 and not FULL:
            break
        small, head = clustered(seed, 16, k)
        rows = tuple(range(len(small.phi)))
        part = asked(head, count, rows)
        for j in np.flatnonzero(part.proved):
            assert truth(small, False, rows, count, int(j))[0]
        if part.arrays:
            assert again(small, head, rows, count, read(part.arrays), part.proved.tolist()) == part.proved.tolist()
        proofs += int(part.proved.sum())
    assert proofs >= 4, proofs


@pytest.mark.parametrize("k", [1, 3])
def test_any_set_is_only_a_proposal(k: int) -> None:
    """Whatever rows are set aside, no label that some deletion changes is proved; nor are all others lost."""
    proofs = flips = 0
    rng = np.random.default_rng(k)
    for seed in range(8):
        small, head = clustered(seed, 8, k)
        rows = tuple(range(8)) if seed % 2 else (0, 1, 2, 4, 6)
        for count in (1, 2, 3) if k == 1 else (1, 2):
            order = sorted(rng.choice(rows, int(rng.integers(0, len(rows))), replace=False).tolist())
            found = again(small, head, rows, count, stated(order, list(range(5))), [True] * 5)
            for j in range(5):
                stays = truth(small, False, rows, count, j)[0]
                assert stays or not found[j], (seed, count, order, j)
                flips += not stays
            proofs += sum(found)
    assert proofs > 3 and flips > 3, (proofs, flips)


def both_of(small: SmallHead, head: Head, aside: list[int], count: int) -> tuple[object, checked_both.Both]:
    n = len(small.phi)
    system = ridge(head.phi, head.mu(0), head.decayed)
    assert isinstance(system, Ridge)
    whole = whole_of(head, system, np.arange(n), np.arange(len(small.points)), lambda: False, count)
    assert whole is not None
    mine = without(whole, np.array(aside), lambda: False)
    twin = as_checked(small, head, tuple(range(n)), count, False)
    other = checked_both.whole_of(twin, checked_ridge(twin, 0), list(range(n)), list(range(len(small.points))))
    rest = checked_both.without(other, aside, list(range(len(small.points))), 0, None)
    assert mine is not None and rest is not None
    return mine, rest


@pytest.mark.parametrize("k", [1, 3])
def test_squares_of_both_heads_are_bounded_closely(k: int) -> None:
    """`G_r` and `G_c` against sums of squares in doubles, by prover and checker; κ against eigenvalues."""
    for seed in range(4):
        small, head = clustered(seed, 12, k)
        aside = [0, 1, 2, 7]
        with ctx.workprec(BITS):
            mine, rest = both_of(small, head, aside, 3)
            D = np.diag(small.decayed * 1.0)
            left = np.setdiff1d(np.arange(12), aside)
            H, HA = (small.phi[some].T @ small.phi[some] + D for some in (np.arange(12), left))
            V, VA = np.linalg.solve(H, small.phi.T @ small.Y), np.linalg.solve(HA, small.phi[left].T @ small.Y[left])
            R, RA = small.Y - small.phi @ V, small.Y - small.phi @ VA
            squares = [np.einsum("ij,ij->i", small.points, np.linalg.solve(M, small.points.T).T) for M in (HA, H)]
            assert np.allclose(mine.reached, squares[0] - squares[1], rtol=1e-7)  # type: ignore[attr-defined]
            pairs = mine.rest.pairs  # type: ignore[attr-defined]
            shift = max(rest.shifts)
            for n, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)):
                r, ra = (X[aside, a] - (X[aside, b] if b >= 0 else 0.0) for X in (R, RA))
                assert mine.gained[n] == pytest.approx(float(r @ ra), rel=1e-9)  # type: ignore[attr-defined]
                assert rest.gained(a, b, shift) / 2.0 ** (56 - 2 * shift) == pytest.approx(float(r @ ra), rel=1e-9)
            for j in range(5):
                seen = Bounds.of(rest, 3)
                if seen is not None:
                    one = seen._seen(rest.whole.points[j], rest.rest.points[j])
                    assert one.reached / 2.0 ** (56 - 2 * one.shift) == pytest.approx(
                        float((squares[0] - squares[1])[j]), rel=1e-7)
        K = small.phi[left] @ np.linalg.solve(HA, small.phi[left].T)
        d = 1 - np.diagonal(K)
        S = (K - np.diag(np.diagonal(K))) / np.sqrt(np.outer(d, d))
        kappa = coupling(mine.state, mine.rest.hat, len(left)).value  # type: ignore[attr-defined]
        assert kappa >= np.abs(np.linalg.eigvalsh(np.abs(S))).max() * (1 - 1e-12)


def changed(arrays: Arrays, name: str, change: Callable[[list[float]], list[float]]) -> Arrays:
    values = change(list(arrays[name].values))
    return {**arrays, name: Array((len(values),), tuple(values), arrays[name].kind)}


def case() -> tuple[SmallHead, Head, Arrays, list[bool]]:
    """A head whose points need that rows are set aside."""
    for seed in range(20):
        small, head = clustered(seed, 16, members=4)
        part = asked(head, 4, tuple(range(16)))
        if part.proved.sum() > 1:
            return small, head, read(part.arrays), part.proved.tolist()
    raise AssertionError


def test_arrays_that_are_no_sets_are_invalid() -> None:
    small, head, arrays, stays = case()
    rows = tuple(range(16))
    assert again(small, head, rows, 4, arrays, stays) == stays
    for damage in (changed(arrays, "trees", lambda v: [*v, 0.0]), changed(arrays, "trees", lambda v: [v[0] + 1]),
                   changed(arrays, "lengths", lambda v: v[:-1]), changed(arrays, "order", lambda v: [16.0, *v[1:]]),
                   changed(arrays, "order", lambda v: [-1, *v[1:]]), changed(arrays, "points", lambda v: [5, *v[1:]]),
                   stated([0, 0], [0]), stated([0], [1, 1]), {n: a for n, a in arrays.items() if n != "order"},
                   {**arrays, "levels": arrays["order"]},
                   {**arrays, "order": Array(arrays["order"].shape, arrays["order"].values, "f")}):
        with pytest.raises(Invalid):
            again(small, head, rows, 4, damage, stays)


def test_many_sets_are_refused_before_anything_is_formed() -> None:
    small, head, _, stays = case()
    many = {"trees": [9], "lengths": [1, 1] * 9, "order": list(range(9)), "points": [0] * 9}
    with pytest.raises(Invalid, match="names 9 sets"):
        again(small, head, tuple(range(16)), 4, read({n: np.array(v) for n, v in many.items()}), stays)
    assert sets.MOST >= method.SETS and sets.DECAYS > method.MOST


def test_too_many_weight_decays_and_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small = small_head(np.random.default_rng(0), 8, 1)
    fixed, remaining = as_head(small), as_head(small, True)
    monkeypatch.setattr(method, "MOST", 2)
    assert "more than 2" in SquaredAside().able(remaining, RowChange(False, 3, (0, 1, 2)))
    assert SquaredAside().able(fixed, RowChange(False, 3, (0, 1, 2))) == ""
    shared, _ = clustered(0, 12)
    head, rows = as_head(shared, True), tuple(range(12))
    monkeypatch.undo()
    part = asked(head, 2, rows)
    assert part.proved.sum() > 2
    stays = part.proved.tolist()
    assert again(shared, head, rows, 2, read(part.arrays), stays) == stays
    monkeypatch.setattr(sets, "DECAYS", 2)
    assert not any(again(shared, head, rows, 2, read(part.arrays), stays))
    monkeypatch.setattr(method, "SQUARE", 7)
    assert "8 rows are more than 7" in SquaredAside().able(fixed, RowChange(False, 2, (0, 1)))


def test_a_checker_forms_no_hat_matrix_of_more_rows_than_a_prover_states(monkeypatch: pytest.MonkeyPatch) -> None:
    small, head, arrays, stays = case()
    rows = tuple(range(16))
    assert sets.ROWS == method.SQUARE
    monkeypatch.setattr(sets, "ROWS", 16)
    assert again(small, head, rows, 4, arrays, stays) == stays
    monkeypatch.setattr(sets, "ROWS", 15)
    monkeypatch.setattr(sets, "ridge_of", None)  # nothing is formed
    assert not any(again(small, head, rows, 4, arrays, stays))
    with pytest.raises(Invalid):  # arrays are judged all the same
        again(small, head, rows, 4, stated([0, 0], [0]), stays)


def test_points_that_no_set_names_and_rows_that_are_not_set_aside_are_not_proved() -> None:
    small, head, arrays, stays = case()
    rows = tuple(range(16))
    assert not any(again(small, head, rows, 4, stated([], [j for j, yes in enumerate(stays) if yes]), stays))
    points = [int(x) for x in arrays["points"].values]
    order = [int(x) for x in arrays["order"].values]
    found = again(small, head, rows, 4, stated(order, points[:1]), [True] * 5)
    assert found == [j == points[0] for j in range(5)]
    assert not any(again(small, head, rows, 4, stated(list(rows), points), stays))  # no row is left to compare


def test_no_time_proves_nothing() -> None:
    _, head, _, _ = case()
    late = SquaredAside().prove(head, RowChange(False, 4, tuple(range(16))), head.today >= 0, Budget(-1.0))
    assert late is not None and not late.proved.any() and not late.arrays


def test_it_is_for_deleted_rows_and_the_squared_loss() -> None:
    small = small_head(np.random.default_rng(0), 5, 1)
    head = as_head(small)
    assert SquaredAside().able(head, RowChange(False, 1, (0,))) == ""
    assert "labels" in SquaredAside().able(head, RowChange(True, 1, (0,)))
    with pytest.raises(Invalid, match="deleted"):
        checked.proved(as_checked(small, head, (0,), 1, True), {}, "claim", [True] * 3)


def test_it_goes_before_trees_where_many_rows_are_deleted() -> None:
    _, head = clustered(0, 40)
    both = ("squared_tree", "squared_aside")
    for count, first in ((ASIDE_FROM - 1, both[0]), (ASIDE_FROM, both[1])):
        names = list(order(head, RowChange(False, count, tuple(range(40))), Budget(9.0), both))
        assert set(names) == set(both) and names[0] == first


def test_the_survey_names_it() -> None:
    small, head = clustered(1, 40, members=6)
    found = survey(head, RowChange(False, 6, tuple(range(40))), 20.0, methods=("squared_aside",))
    assert found.proved.any() and set(found.parts) == {"squared_aside"}
