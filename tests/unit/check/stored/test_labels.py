"""Any m labels changed of rows on disk: every statement of exact enumeration is proved, and every false one refused."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from certify.check.reading.certificate import FileRecord
from certify.check.stored import conditions, ground, labels, largest, npy
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_rows import Small, small, written


def checked(path: Path) -> tuple[int, int]:
    return check(path, path.read_bytes(), {}, lambda _: None).stated.ends


def refused(path: Path, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        checked(path)


def both(folder: Path, problem: Small, count: int) -> None:
    """Statements that hold whatever classes vanish are proved together, and each false one is refused alone."""
    tolerated, truth, counts = problem.tolerated(), problem.truth("labels", count), np.bincount(problem.y)
    today = problem.labels()
    stays = [j for j, (strict, _) in enumerate(tolerated) if count <= strict and counts[today[j]] > count]
    flips = [j for j, (_, loose) in enumerate(tolerated) if count > loose and (
        loose < 0 or min(np.delete(counts, today[j])) > count)]
    assert all(truth[j][0] for j in stays) and all(truth[j][1] for j in flips)
    assert checked(written(folder / "true", problem, "labels", count, stays, flips)) == (
        len(stays), len(tolerated) - len(flips))
    for j, (stay, flip) in enumerate(truth):
        if not stay:
            refused(written(folder / "stays", problem, "labels", count, [j], []), f"stays, evaluation row {j}")
        if not flip:
            refused(written(folder / "flips", problem, "labels", count, [], [j]), f"flips, evaluation row {j}")


@pytest.mark.parametrize("seed", range(examples(60)))
def test_statements_are_those_of_every_change(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261129, seed])
    classes = int(rng.choice([2, 3]))
    both(tmp_path, small(rng, classes, 9 if classes == 2 else 6, 3), int(rng.integers(1, 4)))


def test_some_statements_of_every_kind_are_drawn() -> None:
    found = set[tuple[bool, bool]]()
    for seed in range(examples(60)):
        rng = np.random.default_rng([20261129, seed])
        classes = int(rng.choice([2, 3]))
        problem, count = small(rng, classes, 9 if classes == 2 else 6, 3), int(rng.integers(1, 4))
        found |= {(count <= strict, count > loose) for strict, loose in problem.tolerated()}
    assert {(True, False), (False, True)} <= found


@pytest.mark.parametrize(("at_once", "room", "quick"), [(3, 1, (24, 28)), (2**20, 2**28, (3, 3)), (5, 1, (2, 2))])
def test_parts_and_short_integers_change_nothing(at_once: int, room: int, quick: tuple[int, int], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows one by one, points one by one, and integers so short that the long ones have to decide."""
    monkeypatch.setattr(ground, "AT_ONCE", at_once)
    monkeypatch.setattr(labels, "ROOM", room)
    monkeypatch.setattr(labels, "QUICK", quick)
    for seed in range(4):
        both(tmp_path / str(seed), small(np.random.default_rng([7, seed]), 3, 6, 3), 2)


def test_a_tie_is_neither(tmp_path: Path) -> None:
    X, new = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0]])
    problem = Small(X, np.array([1, 1, 0, 0]), new, 2, 4.0, False)
    assert problem.tolerated() == [(1, 2)]  # two changed labels give the output 0
    refused(written(tmp_path, problem, "labels", 2, [0], []), "stays")
    refused(written(tmp_path, problem, "labels", 2, [], [0]), "flips")
    assert checked(written(tmp_path, problem, "labels", 3, [], [0])) == (0, 0)


def test_weights_that_give_no_one_label_prove_nothing(tmp_path: Path) -> None:
    problem = Small(np.array([[1.0], [-1.0]]), np.array([1, 0]), np.array([[0.0]]), 2, 1.0, False)
    refused(written(tmp_path, problem, "labels", 1, [0], []), "do not give it one label")
    three = Small(np.array([[1.0], [-1.0], [2.0]]), np.array([1, 0, 2]), np.array([[0.0]]), 3, 1.0, False)
    refused(written(tmp_path, three, "labels", 1, [], [0]), "do not give it one label")


@pytest.mark.parametrize("bits", [(4, 5), (24, 28), (60, 62)])
def test_influences_are_off_by_what_is_said_at_most(bits: tuple[int, int], tmp_path: Path) -> None:
    """Each row is a class of its own, so that every influence is seen; features and solutions have many digits."""
    rng = np.random.default_rng(3)
    problem = Small(rng.standard_normal((7, 3)), np.arange(7), rng.standard_normal((5, 3)), 7, 1.0, True)
    path = written(tmp_path, problem, "labels", 1, [], [])
    record = FileRecord("rows.npy", sha256((tmp_path / "rows.npy").read_bytes()).hexdigest(),
                        (tmp_path / "rows.npy").stat().st_size)
    rows = ground.Rows(npy.stored(path.parent / "rows.npy", "data", record, 2), list(range(7)), 7, True)
    base = ground.ground(rows, 1.0, True, lambda _: None)
    system = base.system
    points = [largest.point_of(s) for s in system.solutions(problem.with_ones(problem.new))]
    found = largest.largest(base, points, 1, bits)
    assert all((each > 0) is (bits[0] < 60) for each in found.each)
    for point, unit, each in zip(points, found.units, found.each, strict=True):
        for y, row in enumerate(problem.with_ones(problem.X)):
            exact = sum((Fraction(x) * u / 2**s for x, u, s in zip(row, point.u, system.shifts, strict=True)),
                        Fraction(0)) / 2**point.bits
            (size,) = (point.most[2 * y] or [0]) if exact >= 0 else (point.most[2 * y + 1] or [0])
            off = abs(size * unit - abs(largest.arb(exact.numerator) / exact.denominator))
            assert off <= each + system.loose * point.size + 2.0**-50


def test_a_condition_is_a_ball_of_all_that_is_not_known() -> None:
    """With nothing known better than by 1/4 a value of 5 is not above what four changes of 2 at most may take."""
    condition = conditions.Condition(1, 0, 1, largest.arb(3), 4, ((0, 1),))
    margin = conditions.Margin(condition, largest.arb(5), largest.arb(0.25), largest.arb(1))
    for value, k, each, radius in ((5, 0, 0.0, 0.75), (1, 4, 0.0, 1.75), (1, 4, 0.5, 5.75)):
        left = margin.left(largest.arb(5 - value), k, largest.arb(each))
        assert left.contains(value - radius) and left.contains(value + radius)
    assert margin.far(1) and not margin.far(4)  # 5 − 3/4 − (1 + 1/4)·2·√k


def test_the_largest_are_kept_whatever_the_parts() -> None:
    rng = np.random.default_rng(4)
    for count in (1, 2, 5):
        values = [int(x) for x in rng.integers(1, 1000, 60)]
        point = largest.Point(largest.array("q", [1]), 0, largest.arb(1))
        point.start(1)
        for start in range(0, 60, 7):
            point.take(0, [x for x in values[start:start + 7] if x > point.bars[0]], count)
        assert sorted(point.most[0], reverse=True) == sorted(values, reverse=True)[:count]


def test_influences_are_kept_by_class_and_sign() -> None:
    """Of three classes the rows that take most from the label 0 against 1 are those of 0 that pull it, and of 1."""
    (condition, _) = conditions.conditions_of(0, (2, 3, 4))
    assert (condition.today, condition.other, condition.size, condition.spare) == (0, 1, 2, 2)
    assert condition.length > 4.47 and condition.top == 4
    point = largest.Point(largest.array("q", [1]), 0, largest.arb(1))
    point.start(3)
    for place, values in enumerate([[5, 3], [9], [7], [2], [6], [1]]):
        point.take(place, values, 2)
    # 4·5 of class 0, 4·3, 2·6 of class 2, 4·2 of class 1
    assert point.drops(condition, 4, point.order(), 2) == [20, 12, 12, 8]
    assert point.drops(condition, 4, point.order(), 0) == [20, 12, 12, 2]
