"""How a comparison of rows on disk is looked for, and what entries and sums it rests on."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.limits.shares import among
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored import deletions, ground, some
from certify.check.stored.beside import BITS, Beside
from certify.check.stored.comparison import entries, found
from certify.check.stored.conditions import Condition, Margin
from tests.families.stored_rows import Small, accepted, written
from tests.unit.check.stored.test_compared import crowded
from tests.unit.check.stored.test_deletions import crowd, made

ONE = 1 << BITS


def alike(entry: float, n: int = 9) -> tuple[entries.Entries, found._Sides]:
    """Rows whose entries are all as large, with residuals of 1, and ½ left."""
    root = int(entry**0.5 * 2**entries.FINE)
    known = entries.Entries((), 1, array("i", [0] * n), array("q", [0] * n), array("q", [0] * n),
                            array("q", [root] * n))
    return known, found._Sides([ONE] * n, [ONE >> 1] * n, [3] * n)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.97, 0.98])
def test_a_comparison_that_grows_slowly_is_found(share: float) -> None:
    """Two others take `share` of what a row leaves: `ξ = share(1 + ξ)`, of which few steps find a part."""
    known, sides = alike(share / 4)
    proposed = found._found(known, sides, 2)
    assert proposed is not None
    held = found._judged(known, sides, proposed, 2)
    assert held is not None and found._judged(known, sides, held, 2) is not None
    exact = share / (1 - share)
    assert exact * (1 - 1e-6) <= min(held) / ONE and max(held) / ONE <= 2 * exact


@pytest.mark.parametrize("share", [1.0, 1.01, 3.0])
def test_what_grows_without_end_is_not_found(share: float) -> None:
    known, sides = alike(share / 4)
    proposed = found._found(known, sides, 2)
    assert proposed is None or found._judged(known, sides, proposed, 2) is None


def test_the_shortest_that_is_proved_is_taken() -> None:
    """What is judged says itself how short it may be, and that holds as well."""
    known, sides = alike(0.2)
    held = found._judged(known, sides, [10 * ONE] * 9, 2)
    assert held is not None and max(held) < 10 * ONE
    assert min(held) / ONE == pytest.approx(0.8 * 11, rel=1e-6)
    assert found._judged(known, sides, [x - (x >> 2) for x in [4 * ONE] * 9], 2) is None  # 4 is the fixed point


def test_entries_are_the_same_for_any_number_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many equal entries, of which few are kept: those of the first rows are, whoever reads them."""
    monkeypatch.setattr(ground, "AT_ONCE", 12)
    monkeypatch.setattr(entries, "LONGEST", 4)
    monkeypatch.setattr(entries, "KEPT", 2)
    for seed in range(3):
        rng = np.random.default_rng([20261130, 6, seed])
        X = rng.integers(-1, 2, (12, 3)) / 1.0
        X = np.r_[X, X * rng.choice([-1, 1], (12, 1))]
        problem = Small(X, np.arange(24) % 2, np.zeros((1, 3)), 2, 1.0, bool(seed % 2))
        seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
        said = []
        for jobs in (1, 2, 3):
            with among(jobs), ctx.workprec(128):
                said.append(entries.entries(seen.ground, seen.beside))
        assert said[0] == said[1] == said[2]


def test_products_are_formed_of_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few columns a part of the file has more rows than there is room for with a product for each long row."""
    seen = made(written(tmp_path, crowded(np.random.default_rng(5), 2, 90), "deletions", 1, [], [], []), monkeypatch)
    monkeypatch.setattr(ground, "AT_ONCE", 280)  # 40 rows of 7 numbers
    monkeypatch.setattr(entries, "LONGEST", 28)
    sizes, honest = list[int](), entries._rows

    def spied(values: list[int], size: int, *others: object) -> object:
        sizes.append(size)
        return honest(values, size, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(entries, "_rows", spied)
    with ctx.workprec(128):
        entries.entries(seen.ground, seen.beside)
    assert sizes == [10] * 9


def test_what_solutions_are_off_by_is_in_every_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "LONGEST", 6)
    monkeypatch.setattr(entries, "KEPT", 4)
    seen = made(written(tmp_path, crowded(np.random.default_rng(5), 2, 40), "deletions", 1, [], [], []), monkeypatch)
    honest = entries.solutions
    with ctx.workprec(128):
        known = entries.entries(seen.ground, seen.beside)
        monkeypatch.setattr(entries, "solutions", lambda *given: [
            replace(one, off=one.off + arb(2) ** -10) for one in honest(*given)])
        wide = entries.entries(seen.ground, seen.beside)
    more = 1 << entries.FINE - 10
    assert known.ids == wide.ids
    for mine, its in ((known.values, wide.values), (known.bars, wide.bars)):
        assert all(y - x >= more for x, y in zip(mine, its, strict=True))


def holds(value: float, off: float = 0.0, dr: float = 0.0, each: float = 0.0, xi: float = 0.0) -> bool:
    """Whether a contrast of so much stays where two rows take `½·0.3 + ¼·0.7`."""
    c, r = ([int(x * 2**some.FINE) for x in (a, b)] for a, b in ((0.5, 0.25), (0.3, 0.7)))
    own = array("q", [x << some.CUT for x in r])
    beside = Beside((own,), own, (arb(dr),), array("q", [0, 0]), 0,
                    array("q", [int(xi * ONE)] * 2) if xi else None)
    taken = some.Taken(arb(0.1), ZERO, arb(0.58).sqrt(), arb(1), True)
    margin = Margin(Condition(1, 0, 1, ZERO, 9, ((0, 1),)), arb(value), arb(off), arb(1))
    w = some.weighing(0, 1.0)
    kept = some._Kept([(0, 0, c[0]), (0, 1, c[1])], scale(some.FINE), 0, 0, (0, 0, 0), 0)
    more = [(x >> some.CUT) + 1 for x in beside.xi] if beside.xi is not None else None
    return some._holds(beside, taken, margin, kept, w, some._terms(w, c, r, more), 0,
                       (2, arb(each), arb(0.3125).sqrt()))


@pytest.mark.parametrize(("errors", "least"), [
    ({}, 0.0), ({"off": 2.0**-8}, 2.0**-8 * 0.58**0.5), ({"dr": 2.0**-8}, 2.0**-8 * 0.3125**0.5),
    ({"each": 2.0**-9}, 2.0**-8.5 * 0.58**0.5), ({"xi": 2.0**-6}, 2.0**-6 * 0.75),
    ({"off": 2.0**-3, "dr": 2.0**-3}, 2.0**-3 * (0.58**0.5 + 0.3125**0.5) + 2.0**-6)])
def test_what_influences_and_residuals_are_off_by_is_taken_off(errors: dict[str, float], least: float) -> None:
    """In the worst direction it adds its own length times that of the others."""
    with ctx.workprec(128):
        assert not holds((0.325 + least) * (1 - 1e-6), **errors)
        both = errors.get("off", 0.0) * errors.get("dr", 0.0)  # counted once more
        assert holds((0.325 + least) * (1 + 1e-6) + both, **errors)


def test_a_long_comparison_takes_nothing_from_what_leverages_prove(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(np.random.default_rng(2), 2)
    honest = deletions.compared

    def long(*given: object) -> found.Compared | None:
        got = honest(*given)  # type: ignore[arg-type]
        assert got is not None
        return replace(got, beside=replace(got.beside, xi=array("q", [1 << 60] * 400)),
                       taken=replace(got.taken, length=arb(1e9), both=arb(1e9)))

    monkeypatch.setattr(entries, "LONGEST", 4)
    plain = [j for j in range(12) if accepted(written(tmp_path, problem, "deletions", 4, [j], [], []))]
    monkeypatch.setattr(deletions, "HEAVY", 0.0)
    monkeypatch.setattr(deletions, "compared", long)
    assert len(plain) > 3
    assert plain == [j for j in range(12) if accepted(written(tmp_path, problem, "deletions", 4, [j], [], []))]
