"""Any m rows on disk deleted: what is proved holds after every deletion, and every false statement is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from certify.check.stored import deletions, ground, some
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_rows import Small, resealed, small, written
from tests.oracles import squared_head as oracle


def accepted(path: Path) -> bool:
    try:
        check(path, path.read_bytes(), {}, lambda _: None)
    except Invalid as refusal:
        assert "evaluation row" in str(refusal)
        return False
    return True


def flipping(problem: Small, j: int, count: int) -> list[int] | None:
    """The rows whose deletion leaves the smallest margin of an evaluation row, if it is below 0."""
    phi, e, today = problem.with_ones(problem.X), problem.with_ones(problem.new)[j], problem.labels()[j]
    found = []
    for rows in combinations(range(len(phi)), count):
        left = [i for i in range(len(phi)) if i not in rows]
        W = oracle.refit([phi[i] for i in left], [problem.targets[i] for i in left], problem.penalty, problem.decayed)
        if W is not None:
            found.append((oracle.margin(W, e, today), list(rows)))
    return min(found)[1] if found and min(found)[0] < 0 else None


def drawn(rng: np.random.Generator) -> Small:
    """Few rows, and predictions of which some are near the middle."""
    problem = small(rng, int(rng.choice([2, 3])), 9, 3)
    return replace(problem, new=problem.new * np.array([[1.0], [0.25], [0.0625]]))


def tried(folder: Path, problem: Small, count: int) -> tuple[int, int]:
    """How many true statements are proved; a false one never is."""
    stays = flips = 0
    for j, (stay, _) in enumerate(problem.deleted(count)):
        yes = accepted(written(folder, problem, "deletions", count, [j], [], []))
        assert stay or not yes, "it is proved to stay, and some deletion flips it"
        stays += yes
        for rows in combinations(range(len(problem.X)), count):
            left = [i for i in range(len(problem.X)) if i not in rows]
            W = oracle.refit(problem.with_ones(problem.X[left]), [problem.targets[i] for i in left], problem.penalty,
                             problem.decayed)
            if count == 1 or list(rows) == flipping(problem, j, count) or sum(rows) % 5 == 0:
                yes = accepted(written(folder, problem, "deletions", count, [], [j], [list(rows)]))
                assert not yes or (W is not None and oracle.margin(
                    W, problem.with_ones(problem.new)[j], problem.labels()[j]) < 0), "no such deletion flips it"
                flips += yes
    return stays, flips


@pytest.mark.parametrize("seed", range(examples(60)))
def test_what_is_proved_holds_after_every_deletion(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261130, seed])
    tried(tmp_path, drawn(rng), int(rng.integers(1, 3)))


def test_true_statements_of_both_kinds_are_proved(tmp_path: Path) -> None:
    stays = flips = 0
    for seed in range(8):
        rng = np.random.default_rng([20261130, seed])
        found = tried(tmp_path, drawn(rng), 1)
        stays, flips = stays + found[0], flips + found[1]
    assert stays > 3 and flips > 3


def crowd(rng: np.random.Generator, classes: int) -> Small:
    """So many rows that no few of them carry much."""
    X = rng.standard_normal((400, 3))
    y = np.argmax(X[:, :classes] + rng.standard_normal((400, classes)), axis=1)
    return Small(X, y, rng.standard_normal((30, 3)), classes, 1.0, True)


@pytest.mark.parametrize("classes", [2, 3])
def test_one_reading_of_few_rows_decides_as_one_of_all(classes: int, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """By lengths alone, from few rows that are kept, from all of them, and in small parts the same is not refused."""
    problem = crowd(np.random.default_rng(classes), classes)
    one = [j for j in range(30) if accepted(written(tmp_path, problem, "deletions", 4, [j], [], []))]
    monkeypatch.setattr(ground, "AT_ONCE", 40)
    monkeypatch.setattr(some, "ROOM", 1)
    monkeypatch.setattr(some.Taken, "most", lambda *_: some.arb(1e9))  # nothing by lengths
    again = [j for j in one if accepted(written(tmp_path, problem, "deletions", 4, [j], [], []))]
    monkeypatch.setattr(deletions, "KEPT", (((24, 28), 0, 4), ((60, 62), 1, 400)))
    kept = [j for j in one if accepted(written(tmp_path, problem, "deletions", 4, [j], [], []))]
    assert one and again == kept == one


def test_rows_that_carry_too_much_prove_nothing(tmp_path: Path) -> None:
    problem = small(np.random.default_rng(0), 2, 9, 3)
    path = written(tmp_path, problem, "deletions", 8, [0], [], [])
    with pytest.raises(Invalid, match="add up to 1 or more"):
        check(path, path.read_bytes(), {}, lambda _: None)


def test_rows_named_have_a_form(tmp_path: Path) -> None:
    problem = crowd(np.random.default_rng(2), 2)
    for changed, words in (([[400]], "below 400"), ([[1, 1]], "ascending"), ([[1, 2, 3]], "at most 2"), (None, "null"),
                           ([], "null"), ([1], "a list"), ([[]], "not proved to flip")):
        path = written(tmp_path, problem, "deletions", 2, [], [0], [[1]])
        resealed(path, lambda top, value=changed: top["claim"].update(changed=value))  # type: ignore[misc]
        with pytest.raises(Invalid, match=words):
            check(path, path.read_bytes(), {}, lambda _: None)
