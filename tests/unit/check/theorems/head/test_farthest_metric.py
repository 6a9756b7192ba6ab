"""A last layer whose matrix is known but for an error: the bounds hold of the matrix that is farthest (Q6c, P4b)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import root
from certify.check.reading.subject import Problem
from certify.check.systems.point import Point
from certify.check.theorems.head import motion, whole
from certify.check.theorems.head.directions import Leaving
from certify.check.theorems.head.layer import Layer
from certify.systems.head.change import Change
from tests.unit.check.theorems.head.test_motion import BITS, stated
from tests.unit.theorems.head.test_motion import fitted

LOST, LITTLE, ROUNDED = 0.9, 1e-6, 1 - 1e-9
"""How large the error of the matrix may be, `‖R‖²_F` times it; and what floats of the truth lose."""


@pytest.fixture(autouse=True)
def bits() -> Iterator[None]:
    with ctx.workprec(BITS):
        yield


def floats(M: arb_mat) -> np.ndarray:
    return np.array([[float(x.mid()) for x in row] for row in M.tolist()])


class Loose:
    """A logistic layer with sums of whole numbers that are said to be off by this part of `1/‖R‖²_F`.

    Its matrix B may be `B̂ − off·vvᵀ` for any unit vector v.
    """

    def __init__(self, problem: Problem, patch: pytest.MonkeyPatch, lost: float = LOST) -> None:
        plain = Layer(Point(problem, BITS), 0.5, True)
        self.off = lost / float(np.sum(floats(plain.factor) ** 2))
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
def test_equal_rows_together_move_the_weights_no_farther(total: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All by the whole radius, or sharing it: nothing is lost but by the error of the matrix, which is along them."""
    problem = stated(fitted(12, "logistic", n=5), Change("sample_weights", 0.01, total=total))
    loose = Loose(replace(problem, features=problem.features[:1] * 5, labels=(1,) * 5), monkeypatch)
    effect, y = loose.layer.effect, loose.pulls[0]
    assert effect is not None and (effect.closer is None) is total
    found = effect.gradient if effect.closer is None else effect.closer()
    length = np.sqrt(y @ loose.inverse(y) @ y)
    truth = 0.01 * length / (5**0.5 if total else 1)
    assert truth * ROUNDED <= float(found) and float(effect.gradient) >= truth * ROUNDED


@pytest.mark.parametrize(("count", "lost"), [(1, LOST), (None, LITTLE)])
def test_rows_move_an_output_no_farther_to_first_order(
    count: int | None, lost: float, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One row, with the matrix that is farthest for both; or all, each to its side, where the matrix loses little."""
    problem = stated(fitted(12, "logistic"), Change("sample_weights", 0.01, count))
    loose = Loose(replace(problem, evaluation=problem.features), monkeypatch, lost)
    grams, _ = loose.layer.at(Point(loose.layer.problem, BITS))
    rows, (n, _) = Leaving(loose.layer), loose.phi.shape
    for j, c in enumerate(loose.phi):
        near = loose.pulls @ loose.near @ c
        assert (near < 0).any() and (near > 0).any()
        if count is None:
            truth = np.abs(loose.pulls @ loose.inverse(c) @ c).sum()
        else:
            each = c / np.sqrt(c @ loose.near @ c) + [np.sign(s) * y / np.sqrt(y @ loose.near @ y)
                                                      for s, y in zip(near, loose.pulls, strict=True)]
            truth = max(abs(y @ loose.inverse(v) @ c) for v, y in zip(each, loose.pulls, strict=True))
            assert truth > np.abs(near).max() * (1 + 1e-6)
        assert float(rows.first(rows.at(j), 0, None, root(grams[j][0][0]))) >= truth * 0.01 / n * ROUNDED
