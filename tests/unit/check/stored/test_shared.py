"""A check of rows on disk by several processes: the same numbers, the same verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.check.limits.shares import among
from certify.check.stored import ground, labels, run, some
from certify.check.stored.beside import beside
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import FULL
from tests.families.stored_rows import FILES, Small, written

pytestmark = pytest.mark.forks
Patch = pytest.MonkeyPatch


def crowd(classes: int) -> Small:
    rng = np.random.default_rng([20261130, 5, classes])
    X = rng.standard_normal((120, 3))
    y = np.argmax(X[:, :classes] + rng.standard_normal((120, classes)), axis=1)
    return Small(X, y, 0.4 * rng.standard_normal((14, 3)), classes, 1.0, True)


@pytest.fixture
def parts(monkeypatch: Patch) -> None:
    """Parts of few rows, and nothing that lengths decide."""
    monkeypatch.setattr(ground, "AT_ONCE", 80)
    monkeypatch.setattr(some.Taken, "most", lambda *_: some.arb(1e9))


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.parametrize("classes", [2, 3])
def test_sums_residuals_and_leverages_are_the_same(parts: None, classes: int, jobs: int, tmp_path: Path,
                                                   monkeypatch: Patch) -> None:
    seen = list[object]()

    def method(base: ground.Ground, *_: object) -> object:
        found = beside(base, lambda _: None)
        seen.append((base.system.matrix.mid, base.by_class, found.residuals, found.widest, found.leverages, found.above,
                     [float(x) for x in found.off]))
        return labels.Labels(base, [], 1)

    path = written(tmp_path, crowd(classes), "deletions", 2, [], [], [])
    monkeypatch.setitem(run.METHODS, "deletions", method)
    for own in (1, jobs):
        with among(own):
            check(path, path.read_bytes(), {}, lambda _: None)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("change", ["labels", "deletions"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_verdict_is_the_same(parts: None, classes: int, change: str, tmp_path: Path) -> None:
    """Of all statements together that are true, and of each false one that is added to them."""
    problem = crowd(classes)
    problem = replace(problem, new=problem.new[0 if FULL else 5 :])
    rows = range(len(problem.new))
    changed = None if change == "labels" else []

    def said(stays: list[int], jobs: int) -> str:
        path = written(tmp_path, problem, change, 3, stays, [], changed)
        with among(jobs):
            try:
                return str(check(path, path.read_bytes(), {}, lambda _: None).stated.ends)
            except Invalid as refusal:
                return str(refusal)

    alone = [said([j], 1) for j in rows]
    true = [j for j in rows if "evaluation row" not in alone[j]]
    assert 3 < len(true) < len(rows)
    for stays in (true, list(rows)):
        assert said(stays, 1) == said(stays, 2) == said(stays, 3)


def test_a_file_that_changes_is_seen_by_whoever_reads_it(parts: None, tmp_path: Path, monkeypatch: Patch) -> None:
    path = written(tmp_path, crowd(2), "labels", 3, [0], [])
    summed = ground._sums

    def later(*given: object) -> object:
        found = summed(*given)  # type: ignore[arg-type]
        data = bytearray((tmp_path / FILES["data"]).read_bytes())
        data[-1] ^= 1
        (tmp_path / FILES["data"]).write_bytes(data)
        return found

    monkeypatch.setattr(ground, "_sums", later)
    monkeypatch.setattr(labels.Margin, "far", lambda *_: False)
    with among(2), pytest.raises(Invalid, match="its bytes have another"):
        check(path, path.read_bytes(), {}, lambda _: None)
