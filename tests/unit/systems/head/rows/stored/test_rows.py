"""Rows some at a time are the rows, in every number."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from certify.format.errors import EnclosureError
from certify.rigor import fp, split
from certify.systems.head.rows import ridge as ridges
from certify.systems.head.rows.ridge import Ridge, products_of, ridge
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.normal import Normal, NormalFound
from certify.systems.head.rows.stored.ranks.team import Team
from certify.systems.head.rows.stored.rows import Held, Rows


def whole_numbers(n: int, p: int) -> np.ndarray:
    return np.random.default_rng([n, p]).integers(-9, 10, (n, p)).astype(np.float64)


def test_every_reading_is_on_one_thread_and_the_user_s_number_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info()}

    seen, take = list[set[int]](), NormalFound.take

    def told(found: NormalFound, number: int, start: int, part: np.ndarray) -> None:
        seen.append(threads())
        take(found, number, start, part)

    monkeypatch.setattr(NormalFound, "take", told)
    for many in (2, 3):  # pools are looked for once, and their numbers of threads every time
        with threadpool_limits(many):
            before = threads()
            assert many in before  # a library built for one thread keeps it
            Rows(Held(whole_numbers(5, 3)), np.ones(3), Team({})).tallied(Normal())
            assert threads() == before
    assert seen == [{1}, {1}]


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1024, 1500])
def test_sums_of_whole_numbers_are_exact_in_parts(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    A, Y = whole_numbers(n, 3), whole_numbers(n, 2)
    rows = Rows(Held(A), np.array([1.0, 0.5, 4.0]))
    scaled = A * rows.scale
    assert [stop for _, stop in rows.places()][-1] == n
    assert np.array_equal(np.concatenate([part for _, part in rows.parts()]), scaled)
    normal = rows.tallied(Normal())
    assert np.array_equal(normal.gram(), scaled.T @ scaled)
    assert np.array_equal(products_of(rows, Y)[0], scaled.T @ Y)
    both = rows.tallied(Normal(rows.per_row(Y)))
    assert np.array_equal(both.gram(), normal.gram())
    assert np.array_equal(both.sums(), scaled.T @ Y)
    assert products_of(rows, Y, (Y, scaled.T @ Y + 1.0))[0].tolist() == (scaled.T @ Y + 1.0).tolist()
    assert np.array_equal(products_of(rows, Y, (Y.copy(), scaled.T @ Y + 1.0))[0], scaled.T @ Y)
    V = whole_numbers(3, 4)
    assert np.array_equal(rows.products(V), scaled @ V)
    assert np.array_equal(rows.against(V.T), V.T @ scaled.T)
    columns = normal.columns()
    assert (columns >= np.sqrt((scaled**2).sum(axis=0))).all()
    assert (columns <= np.sqrt((scaled**2).sum(axis=0)) * (1 + 1e-12)).all()
    assert normal.longest == fp.row_norms(scaled).max()


@pytest.mark.parametrize("at", [0, 700])
def test_a_number_beyond_what_is_bounded_is_found_in_every_part(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    for bad in (np.nan, np.inf, 2.0**101):
        A = whole_numbers(800, 2)
        A[at, 1] = bad
        assert "not finite" in str(ridge(A, (1.0, 0.0), np.array([True, True])))


def test_a_source_is_taken_as_an_array_is() -> None:
    A = whole_numbers(600, 3)
    one, other = (ridges.ridge(x, (2.0, 0.0), np.ones(3, dtype=bool)) for x in (A, Held(A)))
    assert isinstance(one, Ridge)
    assert isinstance(other, Ridge)
    assert np.array_equal(one.H, other.H)
    assert one.delta == other.delta < 1e-12


def test_products_by_slices_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((40, 30)), rng.standard_normal((5, 30))
    whole = split.split_product(A, B)
    monkeypatch.setattr(split, "_AT_ONCE", 90)
    lengths_ = np.outer(fp.row_norms(A), fp.row_norms(B))
    assert (np.abs(split.split_product(A, B) - whole) <= 2 * split.split_unit(30) * lengths_).all()


def test_many_points_are_solved_for_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    system = ridge(rng.standard_normal((20, 3)), (1.0, 0.0), np.ones(3, dtype=bool))
    assert isinstance(system, Ridge)
    points, rad = rng.standard_normal((11, 3)), rng.random(11) * 1e-3
    whole = ridges.solve(system, points, rad)
    monkeypatch.setattr(ridges, "POINTS", 4)
    parts = ridges.solve(system, points, rad)
    assert np.allclose(parts.u, whole.u, rtol=1e-12)
    assert np.allclose(parts.off, whole.off, rtol=1e-6)
    with pytest.raises(EnclosureError):
        ridges.solve(system, np.where(np.arange(33).reshape(11, 3) == 30, np.nan, points))
