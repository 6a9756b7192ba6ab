"""D4a by parts of the rows: every answer against exact refits, and what the comparison and named rows must refuse."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows import ridge as ridges
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.tally import PerRow
from certify.theorems.head.rows.squared.contrasts import contrasts
from certify.theorems.head.rows.squared.outputs import Outputs
from certify.theorems.head.rows.squared.streamed import compared as compared_rows
from certify.theorems.head.rows.squared.streamed import deletions, named
from certify.theorems.head.rows.squared.streamed.compared import Compared, compared
from certify.theorems.head.rows.squared.streamed.crossed import Crossed
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS, deleted
from tests.effort import FULL, examples
from tests.families.squared_heads import SmallHead, small_head
from tests.oracles import squared_head as oracle


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four rows, entries in six columns, four of which are kept; always compared."""
    for module in (stored, ridges):
        monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    monkeypatch.setattr(compared_rows, "LONGEST", 6)
    monkeypatch.setattr(compared_rows, "KEPT", 4)
    monkeypatch.setattr(deletions, "HEAVY", 0.0)


def least_of(head: SmallHead, mu: float, j: int, count: int) -> float | None:
    found = oracle.worst_deletion(head.phi.tolist(), head.Y.tolist(), [mu] * (count + 1), head.decayed.tolist(),
                                  head.points[j].tolist(), int(head.today[j]), list(range(len(head.phi))), count,
                                  head.threshold)
    return None if found is None else float(found)


def comparison(system: Ridge, Y: np.ndarray, count: int) -> Compared | None:
    """For all contrasts."""
    kinds = [kind for a in range(max(Y.shape[1], 2)) for kind in contrasts(a, Y.shape[1], 0.0)]
    most = float(deletions.leverages(system, 1)[0])
    lengths = most, deletions.diagonal_error(system, most), deletions.off_in_length(system)
    return compared(system, Outputs(system, Y), PerRow("", Y), kinds, lengths, count, 2**20)


@pytest.mark.parametrize(("outputs", "seed"), [(1, s) for s in range(examples(24))] + [
    (3, s) for s in range(examples(12))])
def test_deletions_stay_or_flip_as_exact_refits_do(short: None, outputs: int, seed: int) -> None:
    head, told = small_head(np.random.default_rng([seed, outputs, 8]), 9, outputs), 0
    for times in (3.0, 30.0):
        mu = times * head.mu
        system = ridge(head.phi, (mu, 0.0), head.decayed)
        if isinstance(system, str):
            continue
        for count in (2, 3):
            found = deleted(system, head.Y, head.points, head.today, head.threshold, count)
            for j in range(len(head.points)):
                least = least_of(head, mu, j, count)
                if least is None:
                    assert found.status[j] != STAYS
                elif found.status[j] != OPEN:
                    assert (least > 0) == (found.status[j] == STAYS)
                    told += 1
            for j, rows in found.rows.items():
                left = [i for i in range(9) if i not in rows]
                W = oracle.refit(head.phi[left].tolist(), head.Y[left].tolist(), mu, head.decayed.tolist())
                assert W is not None
                assert oracle.margin(W, head.points[j].tolist(), int(head.today[j]), head.threshold) < 0
                assert found.status[j] == FLIPS
    assert told, "every prediction is open"


def crowded(seed: int, n: int = 24) -> tuple[Ridge, np.ndarray, np.ndarray]:
    """Three rows with a feature of their own each, so that their leverages add up to more than 1."""
    rng = np.random.default_rng(seed)
    phi = np.c_[rng.standard_normal((n, 3)), np.zeros((n, 3))]
    phi[[0, 1, 2], [3, 4, 5]] = 1.0, 0.9, -1.1
    phi[3:5] *= 2.0
    system = ridge(phi, (1.0, 0.0), np.ones(6, dtype=bool))
    assert isinstance(system, Ridge)
    return system, np.where(phi[:, :1] + rng.standard_normal((n, 1)) > 0, 1.0, -1.0), phi


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("seed", range(4 if FULL else 2))
def test_a_comparison_bounds_what_every_choice_does(short: None, outputs: int, seed: int) -> None:
    """`|(N⁻¹r)_i − r_i/D_i| ≤ ξ_i` and `K_MM ⪯ (1 − least)I`, of every two and three rows."""
    system, Y, phi = crowded(seed, 40)
    Y = np.c_[Y, -np.roll(Y, 1)][:, :outputs]
    K = phi @ np.linalg.solve(phi.T @ phi + np.eye(6), phi.T)
    R = Y - K @ Y
    for count in (2, 2 + seed % 2):
        found = comparison(system, Y, count)
        assert found is not None
        r = R[:, 0] - R[:, 1] if outputs > 1 else R[:, 0]
        for M in map(list, combinations(range(40), count)):
            N = np.eye(count) - K[np.ix_(M, M)]
            away = np.abs(np.linalg.solve(N, r[M]) - r[M] / np.diag(N))
            assert (away <= found.xi[M] * (1 + 1e-9)).all()
            assert np.linalg.eigvalsh(N).min() >= found.least * (1 - 1e-9)


def test_leverages_that_add_up_to_more_than_one_are_decided() -> None:
    decided = 0
    for seed in range(6):
        system, Y, phi = crowded(seed, 200)
        points = np.random.default_rng([seed, 1]).standard_normal((20, 6)) * [1, 1, 1, 0.1, 0.1, 0.1]
        today = (points @ np.linalg.solve(phi.T @ phi + np.eye(6), phi.T @ Y) > 0)[:, 0].astype(np.int64)
        assert deletions.most_of_trace(deletions.leverages(system, 3)) > 1
        found = deleted(system, Y, points, today, 0.0, 3)
        assert found.kappa < 1
        decided += int((found.status != OPEN).sum())
    assert decided > 100


def test_rows_that_carry_all_together_are_not_compared() -> None:
    """Two rows that alone have a feature: without both of them it has no weight, and the refit may be anything."""
    phi = np.c_[np.random.default_rng(0).standard_normal((12, 2)), np.zeros(12)]
    phi[:2, 2] = 1.0
    system = ridge(phi, (1e-9, 0.0), np.ones(3, dtype=bool))
    assert isinstance(system, Ridge)
    Y = np.where(phi[:, :1] > 0, 1.0, -1.0)
    assert comparison(system, Y, 2) is None
    found = deleted(system, Y, np.ones((1, 3)), np.array([1]), -1e6, 2)
    assert found.status.tolist() == [OPEN]
    assert found.kappa >= 1


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99, 1.02])
def test_a_comparison_that_is_too_small_is_refused(part: float) -> None:
    system, Y, _ = crowded(1)
    found = comparison(system, Y, 2)
    assert found is not None
    kept = compared_rows._found

    def proposed(*given: object) -> np.ndarray | None:
        xi = kept(*given)  # type: ignore[arg-type]
        return None if xi is None else xi / compared_rows.SPARE**2 * part

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compared_rows, "_found", proposed)
        assert comparison(system, Y, 2) is None


@pytest.mark.parametrize("row", [0, 7])
def test_a_comparison_that_is_too_small_for_one_row_is_refused(row: int) -> None:
    system, Y, _ = crowded(1)
    kept = compared_rows._found

    def proposed(*given: object) -> np.ndarray | None:
        xi = kept(*given)  # type: ignore[arg-type]
        assert xi is not None
        xi[row] *= 0.2
        return xi

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compared_rows, "_found", proposed)
        assert comparison(system, Y, 2) is None


@pytest.mark.parametrize("count", [1, 2])
def test_what_residuals_are_off_by_grows_as_they_do(count: int) -> None:
    """Residuals that are divided by `1 − K_ii` are off by as much more."""
    system, Y, _ = crowded(1)
    largest, seen = float(deletions.leverages(system, 1)[0]), list[list[float]]()
    honest = deletions._ends

    def spied(task: Any, found: Any, errors: Any, off: np.ndarray, case: Any) -> tuple[np.ndarray, np.ndarray]:
        seen.extend(off.tolist())
        return honest(task, found, errors, off, case)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Outputs, "residual_errors", lambda *_: (1e-3, 2e-3))
        patched.setattr(deletions, "_ends", spied)
        deleted(system, Y, np.ones((1, 6)), np.array([1]), -1e6, count)
    assert seen and all(off[0] >= 1e-3 / (1 - largest) and off[1] >= 2e-3 / (1 - largest) for off in seen)


def test_without_room_nothing_is_compared() -> None:
    system, Y, _ = crowded(1)
    assert deletions.most_of_trace(deletions.leverages(system, 3)) > 1
    found = deleted(system, Y, np.ones((1, 6)), np.array([1]), -1e6, 3, 0)
    assert found.status.tolist() == [OPEN]


@pytest.mark.parametrize("cut", [1, 7, 12, 24])
def test_entries_are_the_largest_whatever_the_parts(cut: int) -> None:
    """Of long rows among all, of others among columns of long rows; no other one exceeds the bar."""
    system, _, phi = crowded(2)
    A = phi * system.scale @ system.R.T
    at = np.array([1, 4, 9, 20])
    task = Crossed(system.R, A[at], at.astype(np.float64), 3)
    whole, first, other = task.tally(), task.tally(), task.tally()
    whole.take(0, 0, phi * system.scale)
    first.take(0, 0, phi[:cut] * system.scale)
    if cut < 24:
        other.take(1, cut, phi[cut:] * system.scale)
        first.add(other.told())
    K = np.abs(A @ A.T)
    np.fill_diagonal(K, 0.0)
    for found in (whole, first):
        ids, values, bars = found.entries()
        for i in range(24):
            of = np.arange(24) if i in at else at
            assert np.allclose(values[i], K[i, ids[i]])
            assert np.allclose(np.sort(values[i]), np.sort(K[i, of])[-3:])
            assert len(set(ids[i].tolist())) == 3
            left = np.setdiff1d(of, ids[i])
            assert (K[i, left] <= bars[i] * (1 + 1e-12)).all()


@pytest.mark.parametrize("seed", range(5))
def test_what_named_rows_take_is_no_more_than_they_do(seed: int) -> None:
    system, Y, phi = crowded(seed)
    H = phi.T @ phi + np.eye(6)
    K, r = phi @ np.linalg.solve(H, phi.T), (Y - phi @ np.linalg.solve(H, phi.T @ Y))[:, 0]
    e = np.random.default_rng([seed, 2]).standard_normal(6)
    u = np.linalg.solve(H, e)
    rows = phi * system.scale
    for M in ([3], [0, 1], [0, 1, 2], [2, 5, 7, 11]):
        exact = float((phi @ u)[M] @ np.linalg.solve(np.eye(len(M)) - K[np.ix_(M, M)], r[M]))
        point = u / system.scale, (1e-14, 1e-13)
        found = named.taken_by(system, rows[M], point, (r[M], 1e-13), deletions.off_in_length(system))
        assert exact - 1e-9 <= found <= exact
        wide = named.taken_by(system, rows[M], (point[0], (0.0, 0.1)), (r[M], 1e-13), 1e-16)
        assert wide <= exact - 0.05 * np.linalg.norm(np.linalg.solve(np.eye(len(M)) - K[np.ix_(M, M)], r[M]))
        away = np.linalg.norm(np.linalg.solve(np.eye(len(M)) - K[np.ix_(M, M)], (phi @ u)[M]))
        assert named.taken_by(system, rows[M], point, (r[M], 0.05), 1e-16) <= exact - 0.05 * away * (1 - 1e-9)
        assert named.taken_by(system, rows[M], point, (r[M], 1e-13), 1e-3) < found - 1e-5 * abs(exact)
        assert named.taken_by(system, rows[M], point, (r[M], np.inf), 1e-16) == -np.inf
    assert named.taken_by(system, rows[[0]], point, (r[[0]], 0.0), np.inf) == -np.inf


def paired(n: int = 60) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, float, float, float]]]:
    """Two rows that share a feature, and points at which both take more together than each alone.

    Of each point its margin, what both take by themselves, added, and what they take together.
    """
    rng = np.random.default_rng(12)
    phi = np.c_[rng.standard_normal((n, 2)), np.zeros(n)]
    phi[:2] = [0.1, 0.0, 0.9], [0.0, 0.1, 0.8]
    y = np.where(phi[:, :1] + 0.3 * rng.standard_normal((n, 1)) > 0, 1.0, -1.0)
    y[:2] = 1.0
    H = phi.T @ phi + np.eye(3)
    K, w = phi @ np.linalg.solve(H, phi.T), np.linalg.solve(H, phi.T @ y)
    r = (y - phi @ w)[:, 0]
    found = []
    for b in np.linspace(-2, 2, 401):
        e = np.array([b, 0.0, 1.0])
        c = phi @ np.linalg.solve(H, e)
        N = np.eye(2) - K[:2, :2]
        alone, both = float((c[:2] * r[:2] / np.diag(N)).sum()), float(c[:2] @ np.linalg.solve(N, r[:2]))
        found.append((e, float((e @ w)[0]), alone, both))
    return phi, y, found


def test_what_others_add_is_counted() -> None:
    phi, y, points = paired()
    system = ridge(phi, (1.0, 0.0), np.ones(3, dtype=bool))
    assert isinstance(system, Ridge)
    assert deletions.most_of_trace(deletions.leverages(system, 2)) > deletions.HEAVY
    between = [e for e, margin, alone, both in points if alone * 1.02 < margin < both * 0.98]
    beyond = [e for e, margin, alone, both in points if 3 * both < margin]
    assert len(between) > 5 and len(beyond) > 5
    for some, known in ((between, {FLIPS}), (beyond, {STAYS})):
        found = deleted(system, y, np.array(some), np.ones(len(some), dtype=np.int64), 0.0, 2)
        assert set(found.status.tolist()) == known
