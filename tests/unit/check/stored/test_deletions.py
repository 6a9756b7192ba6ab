"""Any m rows on disk deleted: what is proved holds after every deletion, and every false statement is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from certify.check.stored import beside, conditions, deletions, ground, largest, run, some
from certify.check.stored.run import check
from certify.check.theorems.head.rows.squared import ridge
from certify.format.refusal import Invalid
from tests.effort import examples, turn
from tests.effort import some as few
from tests.families.stored_rows import Small, accepted, resealed, small, written
from tests.oracles import squared_head as oracle


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
    everyone, labels, today = range(len(problem.X)), problem.y.tolist(), problem.labels()
    for j, (stay, _) in enumerate(problem.truth("deletions", count)):
        yes = accepted(written(folder, problem, "deletions", count, [j], [], []))
        assert stay or not yes, "it is proved to stay, and some deletion flips it"
        stays += yes
        for rows in combinations(everyone, count):
            if count == 1 or list(rows) == flipping(problem, j, count) or sum(rows) % 5 == 0:
                yes = accepted(written(folder, problem, "deletions", count, [], [j], [list(rows)]))
                after = problem.after(labels, [i for i in everyone if i not in rows])
                assert not yes or (after is not None and after[j] not in (None, today[j])), "no such deletion flips it"
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


def test_what_deletions_take_by_lengths() -> None:
    """|c_M||r_M|/(1 − κ), or Σ|c_i||r_i| + λ|c_M||r_M|, with |c_M| ≤ √κ|e|."""
    arb = some.arb
    for both, size, least in ((10.0, 10.0, 4.0), (10.0, 0.5, 2.0), (0.25, 10.0, 2.25), (0.25, 0.5, 2.0)):
        taken = some.Taken(arb(0.5) - arb(0.25), arb(1), arb(4), arb(both))  # √κ = ½
        found = taken.most(arb(1), arb(size))
        whole = min(0.5, size) * 4 / 0.75
        assert abs(found - min(whole, both + 0.5 * 4)) < 1e-12, least


def made(path: Path, monkeypatch: pytest.MonkeyPatch) -> deletions.Deletions:
    """What checked a certificate."""
    seen = list[deletions.Deletions]()

    def method(*given: object) -> deletions.Deletions:
        seen.append(deletions.Deletions(*given))  # type: ignore[arg-type]
        return seen[0]

    monkeypatch.setitem(run.METHODS, "deletions", method)
    check(path, path.read_bytes(), {}, lambda _: None)
    return seen[0]


def test_rows_flip_what_they_take_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two rows that take less together than each alone, a contrast between both is not said to be turned."""
    rng, less = np.random.default_rng(8), 0
    problem = Small(rng.standard_normal((12, 2)), np.arange(12) % 2, rng.standard_normal((6, 2)), 2, 4.0, True)
    seen = made(written(tmp_path, problem, "deletions", 2, [], [], []), monkeypatch)
    phi, Y, E = (np.array(x) for x in (problem.with_ones(problem.X), problem.targets, problem.with_ones(problem.new)))
    H = phi.T @ phi + np.diag([4.0, 4.0, 0.0])
    K, r = phi @ np.linalg.solve(H, phi.T), (Y - phi @ np.linalg.solve(H, phi.T @ Y))[:, 0]
    solutions = seen.ground.system.solutions(E.tolist())
    (condition,) = conditions.conditions_of(1, (6, 6))
    for e, solution in zip(E, solutions, strict=True):
        c = phi @ np.linalg.solve(H, e)
        for rows in combinations(range(12), 2):
            at = list(rows)
            takes = float(c[at] @ np.linalg.solve(np.eye(2) - K[np.ix_(at, at)], r[at]))
            point = largest.point_of(solution)
            (those,) = some.named(seen.ground, seen.beside, [point], [rows])
            margin = conditions.Margin(condition, some.arb(takes + 1e-6), solution.off, solution.length)
            assert not seen._flipped(some.Open(0, [margin], point, some.arb(1)), those)
            less += float(c[at] @ r[at]) > takes + 1e-6  # to first order they would
    assert less > 3


def test_what_is_known_of_all_rows_is_no_less_than_it_is(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Leverages, residuals and λ, against floats that are good to ten digits."""
    problem = crowd(np.random.default_rng(3), 3)
    path = written(tmp_path, problem, "deletions", 4, [], [], [])
    phi, Y = np.array(problem.with_ones(problem.X)), np.array(problem.targets)
    H = phi.T @ phi + np.diag([1.0, 1.0, 1.0, 0.0])
    K, r = np.einsum("ij,ij->i", phi @ np.linalg.inv(H), phi), Y - phi @ np.linalg.solve(H, phi.T @ Y)
    seen = made(path, monkeypatch)
    found, taken, unit = seen.beside, seen.ways[0][1], 2.0**-beside.BITS
    assert taken is not None
    leverages = np.array(found.leverages) * unit
    assert (leverages >= K - 1e-10).all() and (leverages <= K + 1e-7).all()
    assert np.allclose(np.array(found.residuals).T * unit, r, atol=1e-9)
    widest = np.array(found.widest) * unit
    assert (widest >= np.ptp(r, axis=1) - 1e-9).all()
    top = np.sort(K)[-4:].sum()
    assert top <= float(taken.kappa) < top + 1e-6 and float(taken.lam) >= top / (1 - top) - 1e-9
    assert float(taken.length) >= np.sqrt((np.sort(widest**2)[-4:]).sum()) - 1e-9
    assert float(taken.both) >= np.sort(np.sqrt(K) * widest)[-4:].sum() - 1e-9


def test_leverages_of_nearly_dependent_columns_are_solved_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    X = rng.standard_normal((60, 2))
    problem = Small(np.hstack([X, X[:, :1], np.ones((60, 1))]), (X[:, 0] > 0).astype(int), np.ones((1, 4)), 2, 1e-6,
                    True)
    rows = [list(map(float, row)) for row in problem.with_ones(problem.X)]
    system = ridge.Ridge(rows, some.arb(1e-6), [True] * 4 + [False])
    found = beside._solved(system, ridge.whole_rows(rows, system.shifts, 60))
    phi = np.array(rows)
    H = phi.T @ phi + np.diag([1e-6] * 4 + [0.0])
    K = np.einsum("ij,ij->i", phi @ np.linalg.inv(H), phi)
    assert np.allclose(np.array(found, dtype=float) * 2.0**-beside.BITS, K, atol=1e-5)
    assert accepted(written(tmp_path, problem, "deletions", 1, [0], [], []))


def test_few_rows_and_short_integers_prove_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not proved from all rows in long integers is not proved from few, or in short ones."""
    problem = crowd(np.random.default_rng(2), 3)
    problem = replace(problem, new=problem.new[list(few(range(30), 3))] * 0.3)
    monkeypatch.setattr(some.Taken, "most", lambda *_: some.arb(1e9))  # nothing by lengths

    def proved(rows: list[int], bits: tuple[int, int], kept: int) -> list[int]:
        monkeypatch.setattr(deletions, "KEPT", ((bits, 0, kept),))
        return [j for j in rows if accepted(written(tmp_path, problem, "deletions", 20, [j], [], []))]

    rows = list(range(len(problem.new)))
    whole = proved(rows, (60, 62), 400)
    open_rows = [j for j in rows if j not in whole]
    assert whole and open_rows
    for at, (bits, kept) in enumerate((((60, 62), 1), ((60, 62), 3), ((3, 3), 400), ((5, 5), 40))):
        assert not proved([*turn(open_rows, at)], bits, kept), (bits, kept)


def test_residuals_that_are_not_known_prove_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What residuals and influences are off by is taken off, and not only what is computed of them."""
    problem = crowd(np.random.default_rng(2), 3)
    monkeypatch.setattr(some.Taken, "most", lambda *_: some.arb(1e9))  # nothing by lengths
    assert [j for j in range(8) if accepted(written(tmp_path, problem, "deletions", 2, [j], [], []))]
    monkeypatch.setattr(beside.Beside, "off_of", lambda *_: some.arb(1e6))
    assert not [j for j in range(8) if accepted(written(tmp_path, problem, "deletions", 2, [j], [], []))]


def test_rows_that_carry_too_much_prove_nothing(tmp_path: Path) -> None:
    problem = replace(small(np.random.default_rng(0), 2, 9, 3), penalty=1e-6, free=True)
    path = written(tmp_path, problem, "deletions", 4, [0], [], [])
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


@pytest.mark.parametrize("drop", [-3, 0, 2, 7])
def test_no_row_above_the_bar_is_passed_over(drop: int) -> None:
    """Rows that cannot exceed it are left out at once: those that do are the same as where every one is looked at."""
    rng = random.Random(drop)
    for _ in range(300):
        n = rng.randint(1, 150)
        values = [rng.randint(-4096, 4096) for _ in range(n)]
        widest = [rng.randint(0, 1 << rng.randint(1, 9)) for _ in range(n)]
        once, c2, r2 = rng.randint(0, 50), rng.choice([0, 1, 5, 40]), rng.randint(0, 9)
        bar = rng.choice([0, 10**3, 10**5, 10**6, 10**7])
        kept = some._Kept([], some.ZERO, drop, 0, (once, c2, r2), bar)
        some._take(kept, values, widest, range(5, 5 + n), n)
        sizes = [x >> drop if drop >= 0 else x << -drop for x in values]
        weights = [abs(x) * (once * r + c2 * abs(x)) + r2 * r * r for x, r in zip(sizes, widest, strict=True)]
        assert sorted(kept.rows) == sorted((w, 5 + i, sizes[i]) for i, w in enumerate(weights) if w > bar)


@pytest.mark.parametrize("r2", [0, 2])
def test_no_row_is_passed_over_where_squares_of_influences_do_not_count(r2: int) -> None:
    """As of one row: with alike residuals, so that the largest influence that is passed over is a sharp one."""
    values, widest = list(range(-60, 60)), [7] * 120
    for bar in (100, 500, 1000):
        found = set(some._possible(values, widest, (3, 0, r2), bar, 0))
        above = {i for i, x in enumerate(values) if abs(x) * 3 * 7 + r2 * 49 > bar}
        assert above <= found and len(found - above) <= 2 and len(above) < 120


def test_the_longest_of_the_named_changes_counts(tmp_path: Path) -> None:
    """More rows than may go are named for one point, and few for another."""
    problem = crowd(np.random.default_rng(2), 2)
    for named in ([[3], [1, 2]], [[1, 2], [3]]):
        path = written(tmp_path, problem, "deletions", 1, [], [0, 1], named)
        with pytest.raises(Invalid, match="claim.changed.*2 rows change.*at most 1 may"):
            check(path, path.read_bytes(), {}, lambda _: None)
