"""Bounds of the forms of rows by a few directions, against the forms themselves, in whole numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flint import fmpz_mat

from certify.check.stored.lengths import curvature, reading, row_lengths
from certify.check.stored.lengths.row_lengths import RowLengths, norm_over
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families.stored_logistic import crowd, written


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bound is asked for."""
    monkeypatch.setattr(row_lengths, "WORTH", np.inf)


def test_a_bound_that_would_leave_nothing_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lengths, "WORTH", 1.25)
    monkeypatch.setattr(row_lengths, "DIRECTIONS", 1)
    alike, apart = (fmpz_mat([[a, 0, 0], [0, b, 0], [0, 0, 10**6]]) for a, b in ((10**6, 99 * 10**4), (10**6, 3)))
    assert RowLengths(alike, False).bounded and not RowLengths(alike, True).bounded
    assert not RowLengths(apart, False).bounded
    block = fmpz_mat([[1, 2, 3]])
    assert RowLengths(apart, False).over(block, block.transpose()) == forms(apart, [[1, 2, 3]])


def drawn(rng: np.random.Generator, p: int, bits: int) -> fmpz_mat:
    """A symmetric matrix with a few large eigenvalues, or none, of either sign."""
    A = rng.standard_normal((p, p)) * 10.0 ** rng.uniform(-3, 1, p)
    A = A @ A.T if rng.random() < 0.7 else A + A.T
    A *= 2.0**bits / np.abs(A).max()
    return fmpz_mat([[int(A[max(i, j), min(i, j)]) for j in range(p)] for i in range(p)])


def forms(X: fmpz_mat, rows: list[list[int]]) -> list[int]:
    return [sum(int(X[i, j]) * row[i] * row[j] for i in range(len(row)) for j in range(len(row))) for row in rows]


@pytest.mark.parametrize("seed", range(examples(18)))
def test_no_bound_is_less(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([21, seed])
    p = int(rng.integers(1, 9))
    monkeypatch.setattr(row_lengths, "DIRECTIONS", int(rng.integers(0, 6)))
    X = drawn(rng, p, int(rng.choice([3, 20, 45, 70])))
    vectors = np.linalg.eigh(np.array([[float(x) for x in row] for row in X.tolist()]))[1].T
    rows = [[int(x * 2.0**20) for x in row] for row in (*vectors, *rng.standard_normal((6, p)), np.zeros(p))]
    block = fmpz_mat(rows)
    truth = forms(X, rows)
    bounds = RowLengths(X, False).over(block, block.transpose())
    assert all(own >= form for own, form in zip(bounds, truth, strict=True))
    assert RowLengths(X, True).over(block, block.transpose()) == truth
    assert RowLengths(X, False).exact([x for row in rows for x in row]) == truth


def test_a_matrix_of_nothing_and_a_multiple_of_one() -> None:
    for X in (fmpz_mat(3, 3), fmpz_mat([[7, 0], [0, 7]])):
        block = fmpz_mat(1, X.nrows(), [2] * X.nrows())
        assert RowLengths(X, False).over(block, block.transpose()) == forms(X, [[2] * X.nrows()])


@pytest.mark.parametrize("seed", range(examples(18)))
def test_norms_are_no_less_and_little_more(seed: int) -> None:
    rng = np.random.default_rng([22, seed])
    p = int(rng.integers(1, 9))
    M = drawn(rng, p, int(rng.choice([2, 25, 40, 90])))
    truth = np.abs(np.linalg.eigvalsh(np.array([[float(x) for x in row] for row in M.tolist()]))).max()
    assert truth * (1 - 1e-9) <= norm_over(M) <= 1.1 * truth + 2 * p


def no_norm(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(row_lengths, "norm_over", lambda _: 0)


def no_signs(patch: pytest.MonkeyPatch) -> None:
    direction = row_lengths._direction

    def turned(*given: object) -> tuple[list[int], int] | None:
        found = direction(*given)  # type: ignore[arg-type]
        return found and (found[0], -found[1])

    patch.setattr(row_lengths, "_direction", turned)
    no_norm(patch)


@pytest.mark.parametrize("wrong", [no_norm, no_signs])
def test_wrong_bounds_are_seen(wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    X = drawn(rng, 8, 40)
    rows = [[int(x * 2.0**20) for x in row] for row in rng.standard_normal((200, 8))]
    block = fmpz_mat(rows)
    monkeypatch.setattr(row_lengths, "DIRECTIONS", 2)
    wrong(monkeypatch)  # type: ignore[operator]
    found = RowLengths(X, False).over(block, block.transpose())
    assert any(own < form for own, form in zip(found, forms(X, rows), strict=True))


@pytest.mark.parametrize("longer", [1.0, 1.5])
def test_what_matters_of_a_reading_is_as_if_every_form_were_made(longer: float, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest pulls and leverages are the same, and the longest row counts no more than it may."""
    problem = crowd(np.random.default_rng(4), 400, True, 6)
    path = written(tmp_path, problem, "deletions", 3, [])
    seen: list[reading.Reading] = []
    image = reading.Reading.image

    def kept(own: reading.Reading, V: fmpz_mat | None) -> object:
        seen.append(own)
        return image(own, V)

    monkeypatch.setattr(reading.Reading, "image", kept)
    monkeypatch.setattr(reading, "LONGER", longer)
    made: list[int] = []
    exact = RowLengths.exact
    monkeypatch.setattr(RowLengths, "exact", lambda own, rows: made.append(len(rows) // 3) or exact(own, rows))
    for fewest in (1, 32):
        monkeypatch.setattr(curvature, "FEWEST", fewest)
        try:
            check(path, path.read_bytes(), {}, lambda _: None)
        except Invalid as refusal:  # a distance is asked for that no row's bound leaves
            assert longer > 1.0 and "no farther than its distance" in str(refusal)
    few, every = seen[0], seen[-1]
    assert few.asked.lost.exactly is False and every.asked.lost.exactly is True
    assert 3 <= sum(made) < 400
    (pulls, leverages), (pulls_of_all, leverages_of_all) = few.largest(3), every.largest(3)
    assert pulls.overlaps(pulls_of_all)
    assert leverages_of_all <= leverages * (1 + 1e-12) and leverages <= longer**2 * leverages_of_all * (1 + 1e-12)
    assert every.longest <= few.longest <= longer * every.longest
    assert all(x >= y * (1 - 1e-12) for x, y in zip(few.pulls, every.pulls, strict=True))
    assert all(x >= y * (1 - 1e-12) for x, y in zip(few.leverages, every.leverages, strict=True))


@pytest.mark.parametrize("p", [1, 3, 8])
@pytest.mark.parametrize("x", [2**31 - 1, 2**40 - 1, 2**70 - 1])
def test_norms_of_matrices_of_one_number_are_exact_whole_numbers(p: int, x: int) -> None:
    """What is cut off must be counted at every step: here the norm is `px`, and what is cut is all ones."""
    assert norm_over(fmpz_mat(p, p, [x] * (p * p))) >= p * x


def test_a_form_that_is_not_symmetric_is_made() -> None:
    """Its powers say nothing of its norm: `[[0, 1], [0, 0]]` has a square of 0."""
    s = 10**9
    X = fmpz_mat([[4 * s, 0, 0, 0], [0, 4 * s, 0, 0], [0, 0, 4 * s + s, s], [0, 0, -s, 4 * s - s]])
    rows = fmpz_mat([[0, 0, 3, 1], [1, 2, 3, 4]])
    lengths = RowLengths(X, False)
    assert not lengths.bounded
    exact = (rows * X * rows.transpose()).tolist()
    assert lengths.over(rows, rows.transpose()) == [int(exact[0][0]), int(exact[1][1])]
