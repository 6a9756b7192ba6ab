"""One deleted row on disk: what it takes is known whatever it carries, and nothing more is accepted (D4f)."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, fmpq, fmpq_mat

from certify.check.linalg.balls import ZERO
from certify.check.stored import beside, conditions, deletions, largest, run, some
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_rows import Small, accepted, written

Patch = pytest.MonkeyPatch
FIFTH = beside.ONE // 5


def rare(rng: np.random.Generator, classes: int) -> Small:
    """Rows of which two have a feature that the others lack, so that each of them carries most of what is known."""
    y = np.arange(12) % classes
    middle = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    X = np.hstack([rng.standard_normal((12, 2)) + middle[y], np.zeros((12, 1))])
    X[:2, 2] = 3.0, 2.0
    return Small(X, y, np.zeros((0, 3)), classes, 1.0, bool(rng.random() < 0.5))


def leaves(problem: Small) -> np.ndarray:
    """`(n, k, p)` weights without each row, floats."""
    phi, Y = np.array(problem.with_ones(problem.X)), np.array(problem.targets)
    decay = problem.penalty * np.diag(np.array(problem.decayed, float))
    return np.array([np.linalg.solve(phi[kept].T @ phi[kept] + decay, phi[kept].T @ Y[kept]).T
                     for kept in (np.arange(len(phi)) != i for i in range(len(phi)))])


def at_the_border(problem: Small, rng: np.random.Generator, part: float) -> tuple[Small, int]:
    """A row to predict that the deletion of some row leaves `part` of what it takes, and that row, which takes most."""
    W, V = problem.weights(), leaves(problem)
    while True:
        e = np.append(rng.standard_normal(3), [1.0] * problem.free)
        if len(W) > 1:
            b, a = np.argsort(W @ e)[-2:]
            w, v = W[a] - W[b], V[:, a] - V[:, b]
        else:
            sign = np.sign(W[0] @ e)
            w, v = sign * W[0], sign * V[:, 0]
        i = int(((w - v) @ e).argmax())
        q = v[i] - part * (w - v[i])
        e[0] -= q @ e / q[0]
        takes = (w - v) @ e
        if int(takes.argmax()) == i and takes[i] > 0.05 and np.abs(e).max() < 20.0 and (
                len(W) == 1 or int((W @ e).argmax()) == a):
            return replace(problem, new=e[None, :3]), i


@pytest.mark.parametrize("seed", range(examples(12)))
def test_what_is_true_by_a_hundredth_of_what_a_row_takes_is_proved_and_nothing_else(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261130, 4, seed])
    problem = rare(rng, 2 + seed % 2)
    for part in (0.01, -0.01):
        moved, i = at_the_border(problem, rng, part)
        stay, flip = moved.truth("deletions", 1)[0]
        assert flip or part > 0
        assert accepted(written(tmp_path, moved, "deletions", 1, [0], [], [])) == stay
        assert accepted(written(tmp_path, moved, "deletions", 1, [], [0], [[i]])) == (part < 0)


def test_residuals_that_are_not_divided_prove_what_is_false(tmp_path: Path, monkeypatch: Patch) -> None:
    problem = rare(np.random.default_rng(3), 2)
    monkeypatch.setattr(beside.Beside, "divided", lambda found: found)
    wrong = 0
    for seed in range(6):
        moved, _ = at_the_border(problem, np.random.default_rng(seed), -0.2)
        wrong += accepted(written(tmp_path, moved, "deletions", 1, [0], [], []))
    assert wrong > 2


def made(path: Path, monkeypatch: Patch) -> deletions.Deletions:
    seen = list[deletions.Deletions]()

    def method(*given: object) -> deletions.Deletions:
        seen.append(deletions.Deletions(*given))  # type: ignore[arg-type]
        return seen[0]

    monkeypatch.setitem(run.METHODS, "deletions", method)
    check(path, path.read_bytes(), {}, lambda _: None)
    return seen[0]


def test_a_row_takes_no_less_than_is_said_of_it_from_either_side(tmp_path: Path, monkeypatch: Patch) -> None:
    """Leverages known, those of which only the larger end is, and ends far apart; products above 0 and below."""
    problem = replace(rare(np.random.default_rng(5), 2), new=np.random.default_rng(6).standard_normal((8, 3)))
    seen = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch)
    phi, E = (np.array(problem.with_ones(x)) for x in (problem.X, problem.new))
    Y = np.array(problem.targets)[:, 0]
    H = phi.T @ phi + np.diag(np.array(problem.decayed, float))
    K, r = np.einsum("ij,ij->i", phi @ np.linalg.inv(H), phi), Y - phi @ np.linalg.solve(H, phi.T @ Y)
    counts = Counter(problem.y.tolist())
    (condition,) = conditions.conditions_of(1, (counts[0], counts[1]))
    sharp = signs = 0
    known = seen.beside
    for e, solution in zip(E, seen.ground.system.solutions(E.tolist()), strict=True):
        c, point = phi @ np.linalg.solve(H, e), largest.point_of(solution)
        for i in range(12):
            (those,) = some.named(seen.ground, seen.beside, [point], [(i,)])
            takes = float(c[i] * r[i] / (1.0 - K[i]))
            for up, above in ((0, known.above), (0, beside.ONE), (FIFTH, FIFTH + known.above)):
                seen.beside, raised = replace(known, above=above), [x + up for x in those.leverages]
                for off in (1e-6, -1e-6):
                    margin = conditions.Margin(condition, arb(takes + off), solution.off, solution.length)
                    yes = seen._flipped(some.Open(0, [margin], point, arb(1)), replace(those, leverages=raised))
                    assert not (yes and off > 0), "it takes less"
                    sharp += yes
                    signs += takes < 0
    assert sharp >= 90 and signs > 20


def numbers(residual: int, leverage: int) -> beside.Beside:
    return beside.Beside((array("q", [residual, 0]),), array("q", [abs(residual) + 1, 1]), (arb(1),),
                         array("q", [leverage, 0]), 0)


def test_residuals_are_divided_by_what_a_row_leaves() -> None:
    found = numbers(3 << 30, beside.ONE - (beside.ONE >> 2)).divided()
    assert list(found.residuals[0]) == [3 << 32, 0] and found.widest[0] >= 3 << 32
    assert float(found.off[0]) - 4 >= 1.414 * 2.0**-beside.BITS  # each of two is rounded once more
    given = numbers(-1, beside.ONE >> 1)
    below = given.divided()
    assert below.residuals[0][0] <= -2 and below.off[0] >= 2 and below.leverages == given.leverages


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_widest_residual_is_no_less_than_the_quotient(outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    residuals = rng.integers(-1000, 1000, (outputs, 200))
    leverages = rng.integers(0, beside.ONE, 200).tolist()
    every = tuple(array("q", own) for own in residuals.tolist())
    found = beside.Beside(every, beside.widest_of(every), (arb(1),) * outputs, array("q", leverages), 0).divided()
    for row, k, widest in zip(residuals.T.tolist(), leverages, found.widest, strict=True):
        size = abs(row[0]) if outputs == 1 else max(row) - min(row)
        assert widest >= Fraction(size * beside.ONE, beside.ONE - k)


def leverages_of(problem: Small) -> list[fmpq]:
    """In fractions, in units of `2^−BITS`."""
    rows = [[fmpq(*x.as_integer_ratio()) for x in row] for row in problem.with_ones(problem.X)]
    phi = fmpq_mat(len(rows), len(rows[0]), [x for row in rows for x in row])
    H = phi.transpose() * phi
    for a, decayed in enumerate(problem.decayed):
        H[a, a] += fmpq(*float(problem.penalty).as_integer_ratio()) * decayed
    K = phi * H.inv() * phi.transpose()
    return [K[i, i] * beside.ONE for i in range(len(rows))]


@pytest.mark.parametrize("solved", [False, True])
def test_leverages_exceed_the_exact_ones_by_no_more_than_is_said(
        solved: bool, tmp_path: Path, monkeypatch: Patch) -> None:
    """Where each row is solved for nothing but the larger end is known, however far it is."""
    honest = beside._solved
    if solved:
        monkeypatch.setattr(beside, "SEEN", ZERO)
        monkeypatch.setattr(beside, "_solved", lambda *given: [x + FIFTH for x in honest(*given)])
    for seed in range(3):
        problem = replace(rare(np.random.default_rng([seed, 11]), 2), new=np.ones((1, 3)))
        found = made(written(tmp_path, problem, "deletions", 1, [], [], []), monkeypatch).beside
        for most, exact in zip(found.leverages, leverages_of(problem), strict=True):
            assert most - found.above <= exact <= most
        assert solved or found.above < beside.ONE >> 20


def test_what_residuals_are_off_by_counts_in_what_any_row_takes(tmp_path: Path, monkeypatch: Patch) -> None:
    honest = deletions.beside
    monkeypatch.setattr(deletions, "beside", lambda *given: replace(
        found := honest(*given), off=tuple(arb(1 + a) for a in range(len(found.off)))))
    crowd = np.random.default_rng(1).standard_normal((40, 2))
    problem = Small(crowd, np.arange(40) % 3, np.ones((1, 2)), 3, 1.0, True)
    for count in (1, 2):
        seen = made(written(tmp_path, problem, "deletions", count, [], [], []), monkeypatch)
        stays, by = seen.ways[-1]  # by leverages
        assert by.alone == (count == 1)
        kappa, length, both = stays.largest(count)
        for condition in conditions.conditions_of(2, (13, 13, 14)):
            off = stays.off_of(condition)
            assert off > 2 and by.length > length + 0.99 * off
            assert by.both > both + 0.99 * kappa.sqrt() * off


def test_a_row_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(Invalid, match="all that is known of a direction"):
        numbers(beside.MOST // 2, beside.ONE - 1).divided()


def test_lengths_of_one_row() -> None:
    taken = some.Taken(arb(0.25), ZERO, arb(4), arb(10), alone=True)
    assert abs(taken.most(arb(1), arb(10)) - 2) < 1e-12  # √κ|e||r/(1 − K)|
    assert abs(replace(taken, both=arb(1)).most(arb(1), arb(10)) - 1) < 1e-12
