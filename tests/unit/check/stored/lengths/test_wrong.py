"""Wrong versions of D14 for rows on disk: each of them says less than some choice does, which the right one does not.

Rows are of few kinds in one column, so that every choice is known and lengths lose little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb

from certify.check.stored.lengths import decided, points, reading
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.families.stored_logistic import Logistic, with_witness, written

Patch = pytest.MonkeyPatch
Kinds = list[tuple[float, int, int]]
"""A number, its class, and how many rows have both."""

MANY: Kinds = [(1.0, 1, 720), (1.0, 0, 80)]
LONG: Kinds = [(1.0, 1, 200), (1.0, 0, 165), (16.0, 1, 1)]


def of(kinds: Kinds) -> Logistic:
    x, y, number = (np.array(column) for column in zip(*kinds, strict=True))
    return Logistic(np.repeat(x, number)[:, None], np.repeat(y, number), np.array([[1.0]]), 1.0, False)


def ends(problem: Logistic, change: str, count: int) -> dict[tuple[int, ...], float]:
    """The minimum after changes of so many rows of each kind, the first of them."""
    kinds = sorted({(float(x), int(y)) for x, y in zip(problem.X[:, 0], problem.y, strict=True)})
    places = [np.flatnonzero((problem.X[:, 0] == x) & (problem.y == y)) for x, y in kinds]
    some = [(k,) for k in range(count + 1)]
    for _ in kinds[1:]:
        some = [(*one, k) for one in some for k in range(count + 1 - sum(one))]
    some = [one for one in some if all(k <= len(p) for k, p in zip(one, places, strict=True))]
    choices = [tuple(sorted(int(i) for k, p in zip(one, places, strict=True) for i in p[:k])) for one in some]
    signs = np.tile(np.where(problem.y == 1, 1.0, -1.0), (len(choices), 1))
    kept = np.ones(signs.shape)
    for t, M in enumerate(choices):
        if change == "labels":
            signs[t, list(M)] *= -1.0
        else:
            kept[t, list(M)] = 0.0
    return dict(zip(choices, problem.minima(signs, kept)[:, 0].tolist(), strict=True))


def said(path: Path, patch: Patch) -> tuple[float, float]:
    """The lower end of all choices, and the upper end of the one that is named."""
    found = dict[str, float]()

    def kept(name: str, by: Callable[..., arb]) -> None:
        def told(*given: object) -> arb:
            end = by(*given)
            found[name] = float(end)
            return arb(1) if name == "least" else arb(-1)

        patch.setattr(decided, name, told)

    with patch.context() as inner:
        patch = inner
        patch.setattr(decided, "apart", lambda *_: False)
        kept("least", decided.least)
        kept("most", decided.most)
        check(path, path.read_bytes(), {}, lambda _: None)
    return found.get("least", np.nan), found.get("most", np.nan)


def worst(problem: Logistic, change: str, count: int) -> tuple[tuple[int, ...], float, float]:
    """The choice with the least minimum, that, and how far any choice moves it, in the norm of the curvature."""
    found, w = ends(problem, change, count), float(problem.weights()[0])
    M = min(found, key=found.__getitem__)
    size = float(problem.witness(change, count)["curvature"][0, 0]) ** 0.5
    return M, found[M], max(abs(v - w) for v in found.values()) * size


def moved(problem: Logistic, by: float) -> dict[str, np.ndarray]:
    """The curvature at weights that are not the minimum."""
    w = problem.weights() + by
    p = 1.0 / (1.0 + np.exp((2.0 * problem.y - 1.0) * problem.X[:, 0] * w[0]))
    H = float((problem.X[:, 0] ** 2 * p * (1.0 - p)).sum()) + problem.penalty
    return {"centre": w, "curvature": np.array([[H]])}


@pytest.mark.parametrize("change", ["labels", "deletions"])
@pytest.mark.parametrize(("kinds", "count"), [
    (MANY, 1), (MANY, 40), (LONG, 1), (LONG, 2), pytest.param(MANY, 10, marks=pytest.mark.long)])
def test_the_truth_lies_between_the_ends(kinds: Kinds, count: int, change: str, tmp_path: Path, monkeypatch: Patch,
                                         ) -> None:
    if kinds is LONG and change == "labels":
        return
    problem = of(kinds)
    M, truth, motion = worst(problem, change, count)
    low, _ = said(written(tmp_path, problem, change, count, [0]), monkeypatch)
    _, high = said(written(tmp_path, problem, change, count, [], [0], [M]), monkeypatch)
    assert low <= truth <= high
    assert motion <= problem.witness(change, count)["distance"][0]
    assert not accepted(written(tmp_path, problem, change, count, []), distance=np.array([0.999 * motion]))


def accepted(path: Path, **witness: np.ndarray) -> bool:
    try:
        check(with_witness(path, **witness), path.read_bytes(), {}, lambda _: None)
    except Invalid:
        return False
    return True


def no_bend(patch: Patch) -> None:
    patch.setattr(decided, "bend_over", lambda _: arb(0))


def not_grown(patch: Patch) -> None:
    patch.setattr(reading, "grown", lambda _: arb(0))


def one_row_fewer(patch: Patch) -> None:
    patch.setattr(decided, "Points", lambda those, count, bits: points.Points(those, count - 1, bits))


def no_gradient(patch: Patch) -> None:
    patch.setattr(decided.Lengths, "_gamma", lambda *_: arb(0))


def not_judged(patch: Patch) -> None:
    patch.setattr(decided, "theta", lambda *_: (arb(0), arb(0)))


def nothing_unsure(patch: Patch) -> None:
    patch.setattr(decided, "theta", lambda *_: (arb(0), arb(0)))
    patch.setattr(decided.Held, "each", lambda *_: arb(0))


@pytest.mark.parametrize(("wrong", "kinds", "count", "change", "end", "by", "part"), [
    (no_bend, MANY, 10, "labels", 1, 0.0, 1.0), (not_grown, LONG, 1, "deletions", 0, 0.0, 1.0),
    (one_row_fewer, MANY, 2, "labels", 0, 0.0, 1.0), (no_gradient, MANY, 1, "labels", 0, 0.02, 1.0),
    (not_judged, MANY, 10, "labels", 0, 0.0, 1.5), (nothing_unsure, MANY, 10, "labels", 0, 0.0, 1.5)])
def test_wrong_ends_are_seen(wrong: Callable[[Patch], None], kinds: Kinds, count: int, change: str, end: int, by: float,
                             part: float, tmp_path: Path, monkeypatch: Patch) -> None:
    problem = of(kinds)
    M, truth, _ = worst(problem, change, count)
    path = written(tmp_path, problem, change, count, *([[0]] if end == 0 else [[], [0], [M]]))
    witness = moved(problem, by)
    witness["curvature"] = part * witness["curvature"]
    with_witness(path, **witness, distance=1.5 * problem.witness(change, count)["distance"] if by else
                 problem.witness(change, count)["distance"])
    with monkeypatch.context() as patch:
        wrong(patch)
        found = said(path, patch)[end]
    assert (found > truth) if end == 0 else (found < truth)


def keeps_all(patch: Patch) -> None:
    patch.setattr(decided, "kept", lambda _: arb(1))


def one_pull_fewer(patch: Patch) -> None:
    largest = reading.Reading.largest
    patch.setattr(reading.Reading, "largest", lambda own, count: largest(own, count - 1))


def no_leverage(patch: Patch) -> None:
    largest = reading.Reading.largest
    patch.setattr(reading.Reading, "largest", lambda own, count: (largest(own, count)[0], arb(0)))


def slopes_for_labels(patch: Patch) -> None:
    count = reading.Reading._count

    def pulls(own: reading.Reading, *given: arb) -> None:
        asked = own.asked
        own.asked = replace(asked, deletes=True)
        count(own, *given)  # type: ignore[arg-type]
        own.asked = asked

    patch.setattr(reading.Reading, "_count", pulls)


@pytest.mark.parametrize(("wrong", "kinds", "count", "change", "by", "part"), [
    (keeps_all, MANY, 40, "deletions", 0.0, 1.0), (one_pull_fewer, MANY, 10, "labels", 0.0, 1.0),
    (no_leverage, LONG, 1, "deletions", 0.0, 1.0), (slopes_for_labels, MANY, 10, "labels", 0.0, 1.0),
    (no_gradient, MANY, 1, "labels", 0.2, 1.0), (not_judged, MANY, 10, "labels", 0.0, 1.5)])
def test_wrong_distances_are_seen(wrong: Callable[[Patch], None], kinds: Kinds, count: int, change: str, by: float,
                                  part: float, tmp_path: Path, monkeypatch: Patch) -> None:
    """A distance that some choice exceeds is refused, and accepted by a wrong version."""
    problem = of(kinds)
    witness = moved(problem, by)
    witness["curvature"] = part * witness["curvature"]
    far = max(abs(v - witness["centre"][0]) for v in ends(problem, change, count).values())
    distance = np.array([0.999 * far * float(witness["curvature"][0, 0] / part) ** 0.5])
    path = written(tmp_path, problem, change, count, [])
    assert not accepted(path, **witness, distance=distance)
    wrong(monkeypatch)
    assert accepted(path, **witness, distance=distance)
