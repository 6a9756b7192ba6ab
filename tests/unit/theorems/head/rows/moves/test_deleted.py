"""D23 against every deletion of every subset in rationals, by prover and checker; and what it must refuse."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import ctx
from sklearn.linear_model import LinearRegression, Ridge

import certify
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.head import Head as Checked
from certify.check.theorems.head.rows.moves.deleted import check_deleted
from certify.check.theorems.head.rows.moves.measures import Distance, Outputs
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.errors import EnclosureError, InputError
from certify.format.refusal import Invalid
from certify.format.words import By
from certify.prove.prover import bound
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import claims, deleted
from certify.theorems.head.rows.moves.deleted import Ends, able, ends_of, stated
from certify.theorems.head.rows.squared_tree.most import Most
from certify.theorems.head.rows.squared_tree.walk import Kept, Walk
from tests.effort import FULL
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles.squared_head import farthest_deletions
from tests.unit.theorems.head.rows.test_squared_tree import middling
from tests.unit.theorems.head.rows.test_squared_tree import short as short


def drawn(seed: int, outputs: int) -> tuple[SmallHead, Head, tuple[int, ...]]:
    small = small_head(np.random.default_rng([seed, outputs, 23]), 8, outputs)
    return small, as_head(small), tuple(range(8)) if seed % 3 else (0, 2, 3, 5, 7)


def asked(head: Head, rows: tuple[int, ...], count: int, largest: bool = False) -> Ends | str:
    return ends_of(head, RowChange(False, count, rows), Budget(20.0), largest)


def check(small: SmallHead, head: Head, rows: tuple[int, ...], count: int, upper: float,
          arrays: Mapping[str, np.ndarray], **more: object) -> None:
    """By the checker."""
    with ctx.workprec(BITS):
        twin = replace(as_checked(small, head, rows, count, False), **more)  # type: ignore[arg-type]
        check_deleted(measure(twin, head), upper, read(arrays), "claim")


def measure(twin: Checked, head: Head) -> Outputs:
    flat = np.ravel(head.V).tolist()
    return Outputs(twin, flat, distance(twin, (), flat, twin.outputs(flat)))


def read(arrays: Mapping[str, np.ndarray]) -> dict[str, Array]:
    return {name: Array(v.shape, tuple(np.ravel(v).tolist()), v.dtype.kind) for name, v in arrays.items()}


def exact(small: SmallHead, head: Head, rows: tuple[int, ...], count: int, j: int):
    return farthest_deletions(small.phi.tolist(), small.Y.tolist(), Fraction(head.weight_decay) * head.n,
                              small.decayed.tolist(), small.points[j].tolist(), rows, count)


@pytest.mark.parametrize(("outputs", "count"), [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_every_refit_lies_between_both_ends(outputs: int, count: int) -> None:
    """And of most points both are near each other; the largest is proved again."""
    ratios = []
    for seed in range(10 if FULL else 7):
        small, head, rows = drawn(seed, outputs)
        found = asked(head, rows, count)
        if isinstance(found, str):
            continue
        for j in range(len(small.points)):
            true = exact(small, head, rows, count, j)
            if true is None:
                assert not np.isfinite(found.upper[j])
                continue
            assert Fraction(float(found.lower[j])) ** 2 <= true[0]
            if not np.isfinite(found.upper[j]):
                continue
            assert true[0] <= Fraction(float(found.upper[j])) ** 2
            for ends, sides in ((found.falls, true[1]), (found.rises, true[2])):
                assert all(x <= Fraction(float(end)) for end, x in zip(ends[j], sides, strict=True))
            ratios.append(float(found.upper[j]) / max(float(found.lower[j]), 1e-300))
        most = asked(head, rows, count, True)
        assert not isinstance(most, str)
        if (claim := stated(most, head.largest)) is not None:
            check(small, head, rows, count, *claim)
    assert len(ratios) > 11
    assert np.median(ratios) < (1.5 if outputs > 1 else 1.01 if count < 3 else 1.1)


def test_of_more_rows_than_are_kept_or_evaluated(short: None) -> None:
    """Bars, tails and columns that are not formed count; trees are needed, and both ends meet."""
    for seed in range(3 if FULL else 2):
        small, head = middling(seed, 16)
        rows = tuple(range(16))
        found = asked(head, rows, 2, True)
        assert not isinstance(found, str)
        squares = [true[0] for j in range(len(small.points)) if (true := exact(small, head, rows, 2, j)) is not None]
        upper, arrays = stated(found, head.largest) or (0.0, {})
        assert max(squares) <= Fraction(upper) ** 2 <= max(squares) * Fraction(101, 100)
        assert Fraction(float(found.lower.max())) ** 2 <= max(squares)
        assert len(arrays["order"])
        check(small, head, rows, 2, upper, arrays)


@pytest.fixture(scope="module")
def certified() -> tuple[SmallHead, Head, tuple[int, ...], float, Mapping[str, np.ndarray]]:
    """One with a tree of several points, of two outputs."""
    small, head = middling(5, 24, 3)
    rows = tuple(range(24))
    found = asked(head, rows, 2, True)
    assert not isinstance(found, str)
    claim = stated(found, head.largest)
    assert claim is not None
    check(small, head, rows, 2, *claim)
    return small, head, rows, *claim


def test_a_bound_below_the_truth_is_not_proved(certified) -> None:
    small, head, rows, upper, arrays = certified
    for factor in (0.9, 0.5, 0.0):
        with pytest.raises(Invalid):
            check(small, head, rows, 2, upper * factor, {**arrays, "bounds": arrays["bounds"] * factor})
    one = middling(5, 24)
    true = max(t[0] for j in range(6) if (t := exact(*one, rows, 2, j)) is not None)
    found = asked(one[1], rows, 2, True)
    assert not isinstance(found, str)
    _, mine = stated(found, head.largest) or (0.0, {})
    below = float(np.sqrt(float(true))) * (1 - 1e-9)
    with pytest.raises(Invalid, match="do not prove"):
        check(*one, rows, 2, below, {**mine, "bounds": np.full((6, 1), below)})


@pytest.mark.parametrize("tampered", ["less", "nan", "shape", "kind", "missing", "points", "rows", "twice", "more"])
def test_what_is_no_proof_is_refused(certified, tampered: str) -> None:
    small, head, rows, upper, arrays = certified
    bounds, points, order = (arrays[name].copy() for name in ("bounds", "points", "order"))
    new = {
        "less": {"bounds": np.where(bounds == bounds.max(), 1e-3 * bounds, bounds)},
        "nan": {"bounds": np.where(bounds == bounds.max(), np.nan, bounds)}, "shape": {"bounds": bounds[:, :1]},
        "kind": {"bounds": np.ceil(bounds).astype(np.int64)}, "missing": {"bounds": None},
        "points": {"points": np.where(points == points.max(), 0, points)}, "more": {"bounds": bounds * 1.5},
        "rows": {"order": np.append(order, 30)}, "twice": {"order": np.append(order, order)}}[tampered]
    with pytest.raises(Invalid):
        check(small, head, rows, 2, upper, {name: a for name, a in {**arrays, **new}.items() if a is not None})


def test_other_questions_are_refused(certified) -> None:
    """By the checker, whatever the arrays are."""
    small, head, rows, upper, arrays = certified
    for more in ({"relabels": True}, {"remaining": True}, {"weights": [1.0] * 24}, {"moving": ()}):
        with pytest.raises(Invalid, match="are needed"):
            check(small, head, rows, 2, upper, arrays, **more)
    with pytest.raises(Invalid, match="deletions are needed"):
        check(small, head, rows, 0, upper, arrays)
    with pytest.raises(Invalid):  # one deletion more
        check(small, head, rows, 3, upper, arrays)
    with ctx.workprec(BITS), pytest.raises(Invalid):
        seen = measure(as_checked(small, head, rows, 2, False), head)
        check_deleted(Distance(seen.head, seen.today, seen.near), upper, read(arrays), "claim")


def test_why_it_does_not_apply() -> None:
    small, head, rows = drawn(1, 1)
    change = RowChange(False, 2, rows)
    assert able(head, change) == ""
    assert "decay follows" in able(replace(head, remaining=True), change)
    assert "labels change" in able(head, RowChange(True, 2, rows))
    assert "within a radius" in able(replace(head, phi_rad=np.ones(head.n)), change)
    assert "no row" in able(head, RowChange(False, 2, ()))
    assert "more than 128" in able(replace(head), RowChange(False, 129, tuple(range(200))))


def test_time_is_up_is_no_bound_and_no_error() -> None:
    _, head = middling(1)
    found = ends_of(head, RowChange(False, 3, tuple(range(30))), Budget(0.0), True)
    assert isinstance(found, str) or not np.isfinite(found.upper).any()


def problem(n: int = 40, seed: int = 0):
    rng = np.random.default_rng([seed, 7])
    X, points = rng.normal(size=(n, 3)), rng.normal(size=(5, 3))
    y = 1000.0 + 40.0 * (X @ [1.0, -2.0, 0.5]) + 30.0 * rng.standard_t(3, size=n)
    found = certify.from_arrays([np.array([[40.0, -80.0, 20.0]])], [np.array([1000.0])], X, y, loss="squared",
                                weight_decay=0.02, bias_decay=False, activation="identity")
    return found, points


def test_one_bound_of_all_predictions_and_one_of_each() -> None:
    stated_, points = problem()
    each = certify.prediction_change(stated_, points, delete=3, seconds=20.0)
    asked_ = replace(stated_, parameter="deletions", set="sparse", count=3, rows=tuple(range(40)), map="critical",
                     base="nearby", evaluation=points)
    whole = bound(asked_, "prediction_change")
    assert whole.upper is not None
    assert whole.lower is not None
    assert whole.witness["by"] == "trees"
    assert each.lower.max() <= whole.upper * (1 + 1e-9)
    assert whole.lower <= each.upper.max() * (1 + 1e-9)
    assert whole.upper <= whole.lower * 1.002
    assert (each.upper <= each.lower * 1.002).all()
    assert (np.maximum(each.falls, each.rises)[:, 0] == each.upper).all()
    phi, y, D = np.c_[asked_.X, np.ones(40)], np.asarray(asked_.y)[:, 0], np.diag([1.0, 1.0, 1.0, 0.0])
    ends = np.c_[points, np.ones(5)]
    today = ends @ np.linalg.solve(phi.T @ phi + 0.8 * D, phi.T @ y)
    for j, gone in enumerate(each.rows):  # the rows that are named move it that far
        left = np.setdiff1d(np.arange(40), gone)
        new = ends[j] @ np.linalg.solve(phi[left].T @ phi[left] + 0.8 * D, phi[left].T @ y[left])
        assert abs(new - today[j]) == pytest.approx(each.lower[j], rel=1e-9)
    assert f"{each.upper.max():.6g}" in repr(each)


def test_what_python_refuses() -> None:
    stated_, points = problem(12)
    for more in ({"delete": 0}, {"delete": 13}, {"delete": 1, "seconds": 0.0}, {"delete": [0, 1]}):
        with pytest.raises(InputError):
            certify.prediction_change(stated_, points, **more)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="delete"):
        certify.prediction_change(stated_, points, delete=None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="decay follows"):
        certify.prediction_change(replace(stated_, normalization="remaining"), points, delete=1)


def test_counted_refits_are_kept_where_they_say_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends meet where all choices are refitted; trees take over where they meet as well, or time is short."""
    small, head = middling(2, 12)
    change = RowChange(False, 2, tuple(range(12)))
    found = claims.reach(head, change, claims.Outputs, Budget(60.0))
    assert found is not None
    assert found.by is By.COUNTED
    monkeypatch.setattr(claims, "FEW", 10)
    again = claims.reach(head, change, claims.Outputs, Budget(60.0))
    assert again is not None
    assert again.upper <= found.upper * (1 + 1e-6)
    monkeypatch.setattr(claims, "counted", lambda *given: None)
    late = claims.reach(head, change, claims.Outputs, Budget(60.0))
    assert late is not None
    assert late.by is By.TREES
    assert found.farther.best.low <= late.upper <= found.upper * 1.002
    monkeypatch.setattr(deleted, "DEEPEST", 1)
    assert claims.reach(head, change, claims.Outputs, Budget(60.0)).by is not By.TREES  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore:.*no penalty")
def test_least_squares_without_a_penalty() -> None:
    """Every deletion of two rows, refitted in floats; dependent columns, other weights and other fits."""
    rng = np.random.default_rng(3)
    X, points = rng.normal(size=(30, 3)), rng.normal(size=(3, 3))
    y = 5.0 + X @ [1.0, -2.0, 0.5] + rng.normal(size=30)
    model = LinearRegression().fit(X, y)
    with pytest.warns(UserWarning, match="no penalty"):
        plain = certify.from_sklearn(model, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = certify.prediction_change(plain, points, delete=2, seconds=20.0)
    phi, ends = np.c_[X, np.ones(30)], np.c_[points, np.ones(3)]
    today, most = model.predict(points), np.zeros(3)
    for gone in combinations(range(30), 2):
        left = np.setdiff1d(np.arange(30), gone)
        most = np.maximum(most, np.abs(ends @ np.linalg.lstsq(phi[left], y[left], rcond=None)[0] - today))
    assert (found.lower <= most * (1 + 1e-9)).all()
    assert (most <= found.upper * (1 + 1e-9)).all()
    assert (found.upper <= found.lower * 1.002).all()
    model.coef_ = model.coef_ + 1.0
    with pytest.warns(UserWarning, match=r"no penalty|not those of least squares") as told:
        certify.prediction_change(certify.from_sklearn(model, X, y), points, delete=1)
    assert any("not those of least squares" in str(one.message) for one in told)
    twice = LinearRegression().fit(np.c_[X, X[:, 0]], y)
    with pytest.raises(EnclosureError):
        certify.prediction_change(certify.from_sklearn(twice, np.c_[X, X[:, 0]], y), np.c_[points, points[:, 0]],
                                  delete=1)
    with pytest.raises(InputError, match="weights"):
        certify.prediction_change(certify.from_sklearn(model, X, y, sample_weight=np.arange(1.0, 31.0)), points,
                                  delete=1)


@pytest.mark.parametrize("size", [1.0, 1e160, 1e300])
@pytest.mark.parametrize("outputs", [1, 2])
def test_evaluation_rows_of_any_size(size: float, outputs: int) -> None:
    """Squares of what is reached are no numbers from 2⁵¹² on; both ends are those of shorter rows times the size."""
    rng = np.random.default_rng(0)
    X, points = rng.normal(size=(14, 2)), rng.normal(size=(3, 2)) * size
    y = 5.0 + X @ rng.normal(size=(2, outputs)) + rng.normal(size=(14, outputs))
    plain = certify.from_sklearn(Ridge(alpha=1.0).fit(X, y), X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = certify.prediction_change(plain, points, delete=2, seconds=10.0)
    today, most = Ridge(alpha=1.0).fit(X, y).predict(points) / size, np.zeros(3)
    for gone in combinations(range(14), 2):
        left = np.setdiff1d(np.arange(14), gone)
        moved = Ridge(alpha=1.0).fit(X[left], y[left]).predict(points) / size - today
        most = np.maximum(most, np.linalg.norm(moved.reshape(3, outputs), axis=1))
    assert (found.lower / size <= most * (1 + 1e-9)).all()
    assert (most <= found.upper / size * (1 + 1e-9)).all()
    assert (found.upper <= found.lower * (1.5 if outputs > 1 else 1.01)).all()


def test_an_audit_of_evaluation_rows_of_any_size() -> None:
    rng = np.random.default_rng(0)
    X, points = rng.normal(size=(60, 3)), rng.normal(size=(2, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=60)
    plain, model = certify.from_sklearn(Ridge(alpha=1.0).fit(X, y), X, y), Ridge(alpha=1.0).fit(X, y)
    left = np.arange(60) > 1
    moved = np.abs(Ridge(alpha=1.0).fit(X[left], y[left]).predict(points) - model.predict(points)).max()
    for size in (1e160, 1e300):
        (answer,) = certify.audit(plain, points * size, ask="2 rows deleted").answers
        assert answer.upper is not None
        assert answer.lower is not None
        assert moved <= answer.upper / size < np.inf
        assert answer.lower <= answer.upper


def test_rows_too_far_apart_in_size_are_refused() -> None:
    """Over a power of two the short one is no longer what it was."""
    _, head, rows = drawn(1, 1)
    far = head.points.copy()
    far[0], far[1] = 1e300, 1.1e-300
    assert "too small beside others" in str(asked(replace(head, points=far), rows, 2))


def test_a_row_without_which_no_one_minimum_is_left_counts() -> None:
    """A row that alone holds a column without a penalty, first in the order: nothing bounds what its child says."""
    rng = np.random.default_rng(2)
    phi = np.c_[rng.normal(size=(9, 1)), np.zeros(9), np.ones(9)]
    phi[4, 1] = 1.0
    Y, points = rng.normal(size=(9, 1)), np.array([[0.5, 0.0, 1.0], [0.3, 1.0, 1.0]])
    small = SmallHead(phi, Y, np.array([[-1.0], [1.0]]), np.zeros(9, dtype=int), 1.0, np.array([True, False, False]),
                      points, np.zeros(2, dtype=int), 0.0)
    head, rows = as_head(small), np.arange(9)
    assert exact(small, head, tuple(rows), 1, 0) is None
    root = deleted.root_of_output(head, 0, rows, 2, Budget(20.0))
    assert root is not None
    output, goal = deleted._Output(root, 2), np.zeros((2, 2))
    assert not np.isfinite(output._asked(root, np.array([4, 0, 1]), goal, lambda: False)).any()
    found = asked(head, tuple(rows), 2)
    assert isinstance(found, str) or not np.isfinite(found.upper).any()
    without = tuple(int(row) for row in rows if row != 4)
    left = asked(head, without, 2)
    assert not isinstance(left, str)
    assert np.isfinite(left.upper).all()


def test_errors_of_what_is_lost_count() -> None:
    """What deletions have taken is known within an error, all of which may be lost as well."""
    _, head, rows = drawn(1, 1)
    root = deleted.root_of_output(head, 0, np.array(rows), 2, Budget(20.0))
    assert root is not None
    order = np.arange(2)
    state = root.state(order)
    off = replace(state, z=state.z - 1.0, ez=np.full_like(state.ez, 3.0))
    walk = Walk(root.hat, root.C, root.pairs, order, lambda: False, np.zeros(len(root.points), dtype=bool), Kept())
    most = Most(walk, lambda: False).within(off, 0, np.arange(len(state.z)), np.zeros(len(state.z)))
    assert (most >= 4.0).all()


@pytest.mark.filterwarnings("ignore")
def test_a_mean_that_a_fit_takes_anew_is_refused() -> None:
    """Far from the data such a process predicts the mean of its targets, which moves when rows go."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    X, y, far = np.array([[-1.0], [0.0], [1.0]]), np.array([1.0, 2.0, 9.0]), np.array([[1e3]])
    kinds = [GaussianProcessRegressor(alpha=0.5, optimizer=None, normalize_y=mean).fit(X, y) for mean in (True, False)]
    assert kinds[0].predict(far) == pytest.approx(4.0)
    with pytest.raises(InputError, match="without their mean"):
        certify.prediction_change(certify.from_sklearn(kinds[0], X, y), far, delete=1)
    assert certify.prediction_change(certify.from_sklearn(kinds[1], X, y), far, delete=1).upper[0] < 1e-9
    said = [certify.audit(certify.from_sklearn(kind, X, y), far, ask="1 row deleted").answers[0].sentence
            for kind in kinds]
    assert ["the mean that targets are kept without stays as it is" in one for one in said] == [True, False]


@pytest.mark.filterwarnings("ignore:.*no penalty")
def test_open_ends_are_said_to_be_open() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    plain = certify.from_sklearn(LinearRegression().fit(X, y), X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = certify.prediction_change(plain, X[:2], delete=5, seconds=2.0)
    assert "open how far at most, nothing is proved from below" in repr(found)
    assert "inf" not in repr(found)
