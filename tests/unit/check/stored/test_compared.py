"""Rows on disk that are compared with each other (D4a): what is proved holds, and false statements are refused."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.stored import deletions, some
from certify.check.stored.comparison import blocks, entries, found
from certify.check.stored.comparison.found import compared
from tests.effort import FULL, examples
from tests.families.stored_rows import Small, written
from tests.unit.check.stored.test_deletions import accepted, drawn, made, tried


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are compared whatever their leverages; entries in four columns, three of which are kept."""
    monkeypatch.setattr(deletions, "HEAVY", 0.0)
    monkeypatch.setattr(entries, "LONGEST", 4)
    monkeypatch.setattr(entries, "KEPT", 3)


@pytest.mark.parametrize("seed", range(examples(40)))
def test_what_is_proved_holds_after_every_deletion(always: None, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261130, 4, seed])
    problem = drawn(rng)
    tried(tmp_path, replace(problem, penalty=problem.penalty * float(rng.choice([1, 30]))), 2)


def crowded(rng: np.random.Generator, classes: int, n: int = 200) -> Small:
    """Three rows have a column of their own each, so that their leverages add up to more than 1."""
    X = np.hstack([rng.standard_normal((n, 3)), np.zeros((n, 3))])
    X[[0, 1, 2], [3, 4, 5]] = 1.0, 0.9, -1.1
    y = np.argmax(X[:, :classes] + rng.standard_normal((n, classes)), axis=1)
    return Small(X, y, rng.standard_normal((30, 6)) * [1, 1, 1, 0.3, 0.3, 0.3], classes, 1.0, True)


@pytest.mark.parametrize("classes", [2, 3])
def test_leverages_that_add_up_to_more_than_one_are_decided(classes: int, tmp_path: Path) -> None:
    problem = crowded(np.random.default_rng(classes), classes)
    yes = 0
    for j in range(30):
        yes += accepted(written(tmp_path, problem, "deletions", 3, [j], [], []))
        if yes > 15 and not FULL:
            return
    assert yes > 15


def hat(problem: Small) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hat matrix, residuals and rows."""
    phi, Y = np.array(problem.with_ones(problem.X)), np.array(problem.targets)
    H = phi.T @ phi + np.diag(np.array(problem.decayed) * problem.penalty)
    return phi @ np.linalg.solve(H, phi.T), Y - phi @ np.linalg.solve(H, phi.T @ Y), phi


@pytest.mark.parametrize("seed", range(3))
def test_every_entry_and_every_sum_is_bounded(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "LONGEST", 6)
    monkeypatch.setattr(entries, "KEPT", 4)
    problem = crowded(np.random.default_rng([seed, 1]), 2, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    with ctx.workprec(128):
        known = entries.entries(seen.ground, seen.beside)
    K = np.abs(hat(problem)[0])
    np.fill_diagonal(K, 0.0)
    unit = 2.0**entries.FINE
    assert len(known.long) == 6
    v = [int(x) for x in np.random.default_rng(seed).integers(0, 2**40, 40)]
    for s in (1, 2, 3, 7):
        sums = known.sums(range(40), v, s)
        for i in range(40):
            exact = sum(sorted((K[i] * v).tolist(), reverse=True)[:s])
            assert exact <= sums[i] / unit * (1 + 1e-12)
    for i in range(40):
        own = range(i * 4, i * 4 + 4)
        for at in own:
            assert K[i, known.ids[at]] <= known.values[at] / unit <= K[i, known.ids[at]] + 1e-4
        of = range(40) if i in known.long else known.long
        left = [K[i, l] for l in of if l != i and l not in [known.ids[at] for at in own]]
        assert max(left) <= known.bars[i] / unit
        assert (known.roots[i] == 0) == (i in known.long)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_comparison_bounds_what_every_choice_does(classes: int, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowded(np.random.default_rng([classes, 2]), classes, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    K, R, _ = hat(problem)
    for count in (2, 3):
        with ctx.workprec(128):
            got = compared(seen.ground, seen.beside, count, lambda _: None)
        assert got is not None and got.beside.xi is not None
        for a in range(R.shape[1]):
            b = (a + 1) % R.shape[1]
            r = R[:, a] - R[:, b] if b != a else R[:, a]
            x = np.array(got.beside.residuals[a], dtype=float) - (np.array(got.beside.residuals[b]) if b != a else 0)
            for M in map(list, combinations(range(40), count)):
                solved = np.linalg.solve(np.eye(count) - K[np.ix_(M, M)], r[M]) * 2.0**40
                assert (np.abs(solved - x[M]) <= np.array(got.beside.xi)[M] * (1 + 1e-9)).all()
                assert (np.abs(solved) <= np.array(got.beside.widest)[M] * (1 + 1e-9)).all()


@pytest.mark.parametrize(("take", "count"), [(1, 2), (1, 3), (1 << 25, 2), (1 << 34, 2)])
def test_a_comparison_that_falls_short_is_refused(take: int, count: int, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proposed less so much: where it does not hold for one row, nothing is proved."""
    problem = crowded(np.random.default_rng(5), 2, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    with ctx.workprec(128):
        known, kept = entries.entries(seen.ground, seen.beside), list[list[int]]()
        proposed = found._found

        def spied(*given: object) -> list[int] | None:
            got = proposed(*given)  # type: ignore[arg-type]
            assert got is not None
            kept.append(got)
            return got

        monkeypatch.setattr(found, "_found", spied)
        assert compared(seen.ground, seen.beside, count, lambda _: None) is not None
        v = seen.beside.divided().widest
        sums = known.sums(range(40), [x + y for x, y in zip(v, kept[0], strict=True)], count - 1)
        left = [(1 << 40) - k for k in seen.beside.leverages]
        least = [-(-(total << 10) // d) for total, d in zip(sums, left, strict=True)]  # and what residuals are off by
        monkeypatch.setattr(found, "_found", lambda *_: [x if i else max(0, least[0] - take)
                                                         for i, x in enumerate(kept[0])])
        assert compared(seen.ground, seen.beside, count, lambda _: None) is None


@pytest.mark.parametrize("classes", [2, 3])
def test_residuals_that_are_not_known_are_not_compared(classes: int, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A contrast of two outputs is off by what both are."""
    problem = crowded(np.random.default_rng(5), classes, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    with ctx.workprec(128):
        base = compared(seen.ground, seen.beside, 2, lambda _: None)
        outputs = len(seen.beside.off)
        off = compared(seen.ground, replace(seen.beside, off=(arb(0.25),) * outputs), 2, lambda _: None)
        above = compared(seen.ground, replace(seen.beside, above=1 << 38), 2, lambda _: None)
        unknown = compared(seen.ground, replace(seen.beside, off=(arb("inf"),) * outputs), 2, lambda _: None)
    assert base is not None and base.beside.xi is not None and unknown is None
    assert off is not None
    for other, least in ((off, 0.25 * min(outputs, 2)), (above, 0.25 * min(base.beside.widest) / 2**40 * 0.5)):
        assert other is None or (other.beside.xi is not None and all(
            y >= x + least * 2**40 for x, y in zip(base.beside.xi, other.beside.xi, strict=True)))


def test_many_rows_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step takes grows with how many go."""
    seen = made(written(tmp_path, crowded(np.random.default_rng(5), 2, 90), "deletions", 1, [], [], []), monkeypatch)
    monkeypatch.setattr(found, "entries", lambda *_: pytest.fail("entries were formed"))
    with ctx.workprec(128):
        assert compared(seen.ground, seen.beside, found.FEW + 1, lambda _: None) is None


def test_a_row_that_carries_a_direction_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowded(np.random.default_rng(5), 2, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    heavy = array("q", seen.beside.leverages)
    heavy[7] = (1 << 40) - 1
    with ctx.workprec(128):
        assert compared(seen.ground, replace(seen.beside, leverages=heavy), 2, lambda _: None) is None


def test_what_named_rows_take_is_in_its_ball(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowded(np.random.default_rng(6), 2, 40)
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    K, R, phi = hat(problem)
    c = phi @ np.random.default_rng(7).standard_normal(phi.shape[1])
    with ctx.workprec(128):
        taken = blocks.Blocks(seen.ground)
        rows = [part[i:i + 7] for _, part in seen.ground.rows.parts(seen.ground.system.shifts, seen.ground.bits)
                for i in range(0, len(part), 7)]
        for M in ([3], [0, 1, 2], [2, 8, 30, 31]):
            exact = float(c[M] @ np.linalg.solve(np.eye(len(M)) - K[np.ix_(M, M)], R[M, 0]))
            got = taken.taken([rows[i] for i in M], [arb(float(c[i])) for i in M], [arb(float(R[i, 0])) for i in M])
            assert abs(float(got.mid()) - exact) < 1e-6 and float(got.rad()) < 1e-5
            wide = taken.taken([rows[i] for i in M], [arb(float(c[i])) for i in M],
                               [arb(float(R[i, 0]), 0.1) for i in M])
            least = np.abs(np.linalg.solve(np.eye(len(M)) - K[np.ix_(M, M)], c[M])).sum()
            assert float(wide.rad()) >= 0.1 * float(least)
        monkeypatch.setattr(taken, "_error", arb(0, 2))  # no block is proved to have an inverse
        assert not taken.taken([rows[0]], [arb(1)], [arb(1)]).is_finite()


def test_what_others_add_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows share a column, and take more together than each by itself: in between nothing stays."""
    rng = np.random.default_rng(12)
    X = np.c_[rng.standard_normal((60, 2)), np.zeros(60)]
    X[:2] = [0.1, 0.0, 0.9], [0.0, 0.1, 0.8]
    y = (X[:, 0] + 0.3 * rng.standard_normal(60) > 0).astype(int)
    y[:2] = 1
    problem = Small(X, y, np.c_[np.linspace(-2, 2, 201), np.zeros(201), np.ones(201)], 2, 1.0, True)
    K, R, phi = hat(problem)
    H, E = phi.T @ phi + np.diag(np.array(problem.decayed) * 1.0), np.array(problem.with_ones(problem.new))
    C, margins = phi[:2] @ np.linalg.solve(H, E.T), E @ np.linalg.solve(H, phi.T @ np.array(problem.targets))[:, 0]
    N = np.eye(2) - K[:2, :2]
    alone, both = C.T @ (R[:2, 0] / np.diag(N)), C.T @ np.linalg.solve(N, R[:2, 0])
    between = np.flatnonzero((alone * 1.02 < margins) & (margins < both * 0.98)).tolist()
    beyond = np.flatnonzero((3 * both < margins) & (both > 0)).tolist()
    assert len(between) > 3 and len(beyond) > 3
    monkeypatch.setattr(some.Taken, "most", lambda *_: arb(1e9))  # nothing by lengths
    for those, stays in ((between[::3], False), (beyond[::9], True)):
        for j in those:
            assert accepted(written(tmp_path, problem, "deletions", 2, [j], [], [])) == stays
            if not stays:
                path = written(tmp_path, problem, "deletions", 2, [], [j], [[0, 1]])
                assert accepted(path)
                with pytest.MonkeyPatch.context() as patched:  # the block of the rows says so without a comparison
                    patched.setattr(deletions, "compared", lambda *_: None)
                    assert accepted(path)
