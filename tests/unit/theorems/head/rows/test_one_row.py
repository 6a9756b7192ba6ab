"""One deleted row of rows by parts: both ends meet whatever it carries (D4f), against exact refits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.systems.head.rows.ridge import Ridge, ridge
from certify.theorems.head.rows.squared.streamed import compared, deletions, influences
from certify.theorems.head.rows.squared.streamed.deletions import (
    FLIPS,
    STAYS,
    deleted,
    diagonal_error,
    leverages,
    most_of_trace,
)
from tests.effort import examples
from tests.families.squared_heads import small_head
from tests.oracles import squared_head as oracle

NEAR = 1e-7
"""A margin below which nothing has to be decided."""


def least_of(head: object, mu: float, j: int) -> float | None:
    given = head.phi.tolist(), head.Y.tolist(), [mu, mu], head.decayed.tolist()  # type: ignore[attr-defined]
    found = oracle.worst_deletion(*given, head.points[j].tolist(), int(head.today[j]),  # type: ignore[attr-defined]
                                  list(range(len(head.phi))), 1, head.threshold)  # type: ignore[attr-defined]
    return None if found is None else float(found)


@pytest.mark.parametrize(("outputs", "seed"), [(1, s) for s in range(examples(24))] + [
    (3, s) for s in range(examples(12))])
def test_every_point_is_decided_as_exact_refits_do(outputs: int, seed: int) -> None:
    head = small_head(np.random.default_rng([seed, outputs, 6]), 9, outputs)
    system = ridge(head.phi, (head.mu, 0.0), head.decayed)
    if isinstance(system, str) or most_of_trace(leverages(system, 1)) >= 1 - 1e-6:
        return
    found = deleted(system, head.Y, head.points, head.today, head.threshold, 1)
    for j in range(len(head.points)):
        least = least_of(head, head.mu, j)
        assert least is not None
        if abs(least) > NEAR * (1.0 + np.abs(head.points[j]).sum()):
            assert found.status[j] == (STAYS if least > 0 else FLIPS)
    for j, rows in found.rows.items():
        left = [i for i in range(9) if i not in rows]
        W = oracle.refit(head.phi[left].tolist(), head.Y[left].tolist(), head.mu, head.decayed.tolist())
        assert W is not None
        assert oracle.margin(W, head.points[j].tolist(), int(head.today[j]), head.threshold) < 0


def heavy() -> tuple[Ridge, np.ndarray, np.ndarray]:
    """A row that alone has the second feature; targets, and the row."""
    rng = np.random.default_rng(0)
    phi = np.c_[rng.standard_normal(40), np.zeros(40)]
    phi[0] = 0.5, 3.0
    system = ridge(phi, (1.0, 0.0), np.ones(2, dtype=bool))
    assert isinstance(system, Ridge)
    return system, np.where(phi[:, :1] + rng.standard_normal((40, 1)) > 0, 1.0, -1.0), phi


def test_a_row_that_carries_nearly_all_is_judged_and_not_its_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    system, Y, phi = heavy()
    H = phi.T @ phi + np.eye(2)
    K, r = np.einsum("ij,ij->i", phi @ np.linalg.inv(H), phi), (Y - phi @ np.linalg.solve(H, phi.T @ Y))[:, 0]
    assert K[0] > 0.8
    e = np.array([[0.0, 1.0]]) if r[0] > 0 else np.array([[0.0, -1.0]])
    c = phi @ np.linalg.solve(H, e[0])
    first, whole = float(c[0] * r[0]), float(c[0] * r[0] / (1.0 - K[0]))
    margin = float(e[0] @ np.linalg.solve(H, phi.T @ Y[:, 0]))
    for part, status in ((1.001, STAYS), (0.999, FLIPS)):
        threshold = margin - part * whole
        assert deleted(system, Y, e, np.array([1]), threshold, 1).status.tolist() == [status]
    # the threshold is one that the row crosses, and does not to first order
    monkeypatch.setattr(deletions, "Influences", lambda *given: influences.Influences(*given[:-1], None))
    assert first < 0.5 * whole
    assert deleted(system, Y, e, np.array([1]), margin - 0.6 * whole, 1).status.tolist() == [STAYS]


@pytest.mark.parametrize("seed", range(6))
def test_what_the_diagonal_errs_by(seed: int) -> None:
    """Of factors that are off by a thousandth, of which nothing but δ is known."""
    rng = np.random.default_rng(seed)
    phi = rng.standard_normal((30, 4)) * 2.0 ** rng.integers(-3, 3, 4)
    system = ridge(phi, (0.5, 0.0), np.ones(4, dtype=bool))
    assert isinstance(system, Ridge)
    K = np.einsum("ij,ij->i", phi @ np.linalg.inv(phi.T @ phi + 0.5 * np.eye(4)), phi)
    factor = 1.0 + 1e-3 * rng.choice([-1.0, 1.0])
    rough = replace(system, R=system.R * factor, delta=abs(factor**2 - 1.0) + system.delta)
    scaled = phi * rough.scale
    found = ((scaled @ rough.R.T) ** 2).sum(axis=1)
    most = np.abs(found - K).max()
    assert most <= diagonal_error(rough, float(K.max())) <= 1.1 * most
    assert most > diagonal_error(system, float(K.max()))
    assert np.abs(((scaled @ system.R.T) ** 2).sum(axis=1) - K).max() <= diagonal_error(system, float(K.max())) + 1e-13


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_nothing_is_said_within_what_the_diagonal_errs_by(sign: float) -> None:
    """A factor that is off by a thousandth: a threshold between what the row takes and what it seems to take."""
    system, Y, phi = heavy()
    H = phi.T @ phi + np.eye(2)
    K, r = np.einsum("ij,ij->i", phi @ np.linalg.inv(H), phi), (Y - phi @ np.linalg.solve(H, phi.T @ Y))[:, 0]
    e = np.array([[0.0, 1.0]]) if r[0] > 0 else np.array([[0.0, -1.0]])
    c = phi @ np.linalg.solve(H, e[0])
    factor = 1.0 + 1e-3 * sign
    rough = replace(system, R=system.R * factor, delta=abs(factor**2 - 1.0) + system.delta)
    whole, seems = (float(c[0] * r[0] / (1.0 - x * K[0])) for x in (1.0, factor**2))
    margin = float(e[0] @ np.linalg.solve(H, phi.T @ Y[:, 0]))
    between = np.array([0.1, 0.5, 0.9]) * (seems - whole) + whole
    assert abs(seems - whole) > 1e-3 * whole
    for takes in between:
        # short of what it takes a label turns, beyond it stays, and neither is to be said of the other
        wrong = FLIPS if takes > whole else STAYS
        assert deleted(rough, Y, e, np.array([1]), margin - float(takes), 1).status.tolist() != [wrong]
    for part, status in ((1.1, STAYS), (0.9, FLIPS)):
        assert deleted(rough, Y, e, np.array([1]), margin - part * whole, 1).status.tolist() == [status]


def test_what_quotients_are_off_by_is_no_less_than_what_is_divided() -> None:
    for kappa in (0.0, 0.3, 0.9, 1.0 - 2.0**-20):
        each, together = compared.divided((3e-10, 7e-9), 2e-10, kappa)
        left = 1 - Fraction(kappa)
        assert Fraction(each) >= (Fraction(3e-10) + Fraction(2e-10)) / left
        assert Fraction(together) >= Fraction(7e-9) / left


def test_a_diagonal_that_is_not_known_is_not_divided_by(monkeypatch: pytest.MonkeyPatch) -> None:
    system, Y, phi = heavy()
    monkeypatch.setattr(deletions, "diagonal_error", lambda *_: 1.0)
    given: list[np.ndarray | None] = []

    def spied(*those: object) -> influences.Influences:
        given.append(those[-1])  # type: ignore[arg-type]
        return influences.Influences(*those)  # type: ignore[arg-type]

    monkeypatch.setattr(deletions, "Influences", spied)
    assert deleted(system, Y, phi[:1], np.array([1]), -1e3, 1).status.tolist() == [STAYS]
    assert given == [None]
