"""A last layer whose matrix is known but for an error: the bounds hold of the matrix that is farthest (Q6c, P4b)."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.reading.subject import Problem
from certify.check.systems.point import Point
from certify.check.theorems.head import motion, whole
from certify.check.theorems.head.directions import Leaving
from certify.check.theorems.head.layer import Layer
from certify.systems.head.change import Change
from tests.unit.check.theorems.head.test_motion import BITS, stated
from tests.unit.theorems.head.test_motion import fitted

LOST, ROUNDED = 0.9, 1 - 1e-9
"""How much of the matrix the error may be, `‖R‖²_F` times it; and what floats of the truth lose."""


@pytest.fixture(autouse=True)
def bits() -> Iterator[None]:
    with ctx.workprec(BITS):
        yield


def floats(M: arb_mat) -> np.ndarray:
    return np.array([[float(x.mid()) for x in row] for row in M.tolist()])


class Loose:
    """A logistic layer with sums of whole numbers that are said to be off by a part of the smallest value.

    Its matrix B may be `B̂ − off·vvᵀ` for any unit vector v.
    """

    def __init__(self, problem: Problem, patch: pytest.MonkeyPatch) -> None:
        plain = Layer(Point(problem, BITS), 0.5, True)
        self.off = LOST / float(np.sum(floats(plain.factor) ** 2))
        patch.setattr(whole, "blocks", lambda own, factor, right=whole.blocks: (right(own, factor)[0], arb(self.off)))
        self.layer = Layer(Point(problem, BITS), 0.5, True)
        self.layer.effect = motion._effect_of(self.layer)
        self.phi = floats(self.layer.phi)
        moving = list(problem.moving)
        self.pulls = floats(self.layer.slopes)[moving] * self.phi[moving]
        assert self.layer.inverse is not None
        self.near = floats(self.layer.inverse)

    def inverse(self, v: np.ndarray) -> np.ndarray:
        """`B⁻¹` with v along this."""
        v = v / np.linalg.norm(v)
        return cast("np.ndarray", np.linalg.inv(np.linalg.inv(self.near) - self.off * np.outer(v, v)))


def test_the_factor_of_the_smallest_matrix_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`|z|_{B⁻¹} ≤ scale·|Rz|` for the longest z, along the eigenvector that loses most."""
    loose = Loose(stated(fitted(12, "logistic"), Change("sample_weights", 0.01)), monkeypatch)
    v = np.linalg.eigh(loose.near)[1][:, -1]
    assert float(loose.layer.scale) ** 2 * (v @ loose.near @ v) >= (v @ loose.inverse(v) @ v) * ROUNDED
    size = sum((x * x for x in loose.layer.factor.entries()), arb(0))
    assert loose.layer.scale ** 2 * (1 - size * arb(loose.off)) >= 1 - arb(2) ** -60


@pytest.mark.parametrize("total", [False, True])
def test_rows_that_share_a_budget_move_the_weights_no_farther(total: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows by the whole radius, or by shares of it along the longest sum: not farther than all of them together."""
    change = Change("sample_weights", 0.01, total=True) if total else Change("sample_weights", 0.01)
    loose = Loose(stated(fitted(12, "logistic", n=5), change), monkeypatch)
    monkeypatch.setattr(loose.layer.pulls, "top", lambda: arb(float(np.linalg.norm(
        loose.pulls @ np.linalg.cholesky(loose.near), 2) ** 2)))  # the smallest that it may be
    effect = motion._effect_of(loose.layer)
    assert effect.closer is None or not total
