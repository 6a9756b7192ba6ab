"""Hundreds of classes take seconds, and what they take is in the estimate."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from certify.check.stored.conditions import conditions_of
from certify.check.stored.main import cost_of
from certify.check.stored.run import check
from certify.check.stored.stated import Stated, read_stated
from certify.check.theorems.head.rows.squared_labels import weights_of
from certify.format.refusal import Invalid
from tests.families.stored_rows import Small, written


def many(classes: int) -> Small:
    rng = np.random.default_rng(0)
    y = np.arange(3 * classes) % classes
    return Small(rng.standard_normal((classes, 2))[y] + 0.1 * rng.standard_normal((len(y), 2)), y,
                 rng.standard_normal((10, 2)), classes, 1.0, True)


@pytest.mark.parametrize("change", ["labels", "deletions"])
def test_four_hundred_classes_take_seconds(change: str, tmp_path: Path) -> None:
    problem = many(400)
    rows, named = list(range(10)), None if change == "labels" else [[0]] * 10
    start = time.process_time()
    for stays in (True, False):
        path = written(tmp_path, problem, change, 2, rows if stays else [], [] if stays else rows,
                       [] if named is not None and stays else named)
        try:
            check(path, path.read_bytes(), {}, lambda _: None)
        except Invalid as refusal:
            assert "claim." in str(refusal)
    assert time.process_time() - start < 10  # about 1 s where this was written; lists of c for each pair took minutes


def test_classes_and_changes_are_in_the_estimate(tmp_path: Path) -> None:
    path = written(tmp_path, many(3), "labels", 1, [], [])
    small: Stated = read_stated(path.read_bytes(), "it")
    small = replace(small, rows=10**5, columns=100, evaluation_rows=10**4)
    for change in ("labels", "deletions"):
        few, classes, changes = (cost_of(replace(small, change=change, classes=c, count=m)) for c, m in (
            (10, 10), (20_000, 10), (10, 10**4)))
        assert classes.seconds > 10 * few.seconds and classes.megabytes > 100_000 > 2_000 > few.megabytes
        assert changes.seconds > 5 * few.seconds


def test_conditions_are_those_of_all_classes() -> None:
    """Three kinds of classes say what targets of every class say."""
    for counts in ((3, 2), (3, 2, 4), (1, 2, 3, 4, 5)):
        k = 1 if len(counts) == 2 else len(counts)
        codes = [[-1], [1]] if k == 1 else (2 * np.eye(k, dtype=int) - 1).tolist()
        for today in range(len(counts)):
            for condition in islice(conditions_of(today, counts), 5):
                weights = weights_of(today, -1 if k == 1 else condition.other, k)
                assert dict(condition.outputs) == {a: w for a, w in enumerate(weights) if w}
                old = [sum(map(int.__mul__, weights, code)) for code in codes]
                assert old == [condition.size * ((y == today) - (y == condition.other)) for y in range(len(counts))]
                assert condition.top == max(old) - min(old)
                assert condition.length >= np.sqrt(np.dot(counts, np.square(old))) - 1e-12
                assert condition.spare == counts[condition.other] - 1
