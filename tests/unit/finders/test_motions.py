"""Motions of rows as whole numbers, as the checker reads them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from certify.check.probed import answer
from certify.finders.proposals.motions import Curvature, Passes, answers, moved, within


@pytest.mark.parametrize("scale", [1.0, 1e-95, 0.0])
@pytest.mark.parametrize("formed", [True, False])
def test_rows_without_motion_are_sent_with_the_others(scale, formed, monkeypatch):
    """Their bits do not differ from those of the longest fraction by more than may be."""
    rng, p, d = np.random.default_rng(1), 30, 2
    Y = rng.normal(size=(3 * d, p)) * scale
    Y[d:2 * d] = 0
    V = np.linalg.qr(rng.normal(size=(p, 24)))[0]
    monkeypatch.setattr(answer, "LARGE", p if formed else 0)
    said = io.BufferedReader(io.BytesIO(b"".join(answers(np.eye(p), None, [Y.T @ Y] if formed else [V, V], Y, d))))
    found = answer.read(said, p, 3, d)
    assert found is not None
    for number in range(3):
        sent = np.array([[float(x) for x in row] for row in found.motion(number).tolist()])
        near = np.ldexp(sent, -found.row_bits[number])
        assert np.abs(near - Y[d * number:d * number + d]).max() <= 2.0**-49 * np.abs(Y).max()


def passes(free: list[int], units: int) -> Passes:
    """Of a network with 20 features, so many units and 3 outputs, at 12 rows of which some move."""
    rng, n, d, k = np.random.default_rng(2), 12, 20, 3
    W = [rng.normal(size=(units, d)), rng.normal(size=(k, units))]
    X, scale, M = rng.normal(size=(n, d)), rng.random(d) + 0.5, rng.normal(size=(n, k, k))
    A, one = np.tanh(X @ W[0].T), np.ones(n)
    return Passes(W, [np.c_[X, one], np.c_[A, one]], [1 - A**2], [-2 * A * (1 - A**2)], rng.normal(size=(n, k)),
                  M + M.transpose(0, 2, 1), W[0] * scale, scale, free, [True, True], list(range(0, n, 2)), 0.1,
                  "motions", None, True, True, None, np.empty((0, 6 * d)))


@pytest.mark.parametrize("free", [[0, 1], [0], [1]])
@pytest.mark.parametrize("units", [5, 15])
def test_motions_are_the_same_by_units_and_by_features(free, units):
    of = Curvature(passes(free, units))
    p = sum({0: units * 21, 1: 3 * (units + 1)}[h] for h in free)
    rows = np.random.default_rng(3).normal(size=(7, p))
    whole = np.concatenate([of.columns(np.array([i]))[0].T @ rows.T for i in of.at.moving])
    assert np.abs(moved(of, rows) - whole).max() <= 1e-12 * np.abs(whole).max()


def test_a_factor_is_proposed_where_a_budget_stays_below_one():
    rng = np.random.default_rng(4)
    Y, roots = rng.normal(size=(12, 6)), rng.random(12)
    size = np.linalg.norm(Y * roots[:, None], 2)
    for share in (0.5, 1 - 1e-5, 1 - 1e-9):
        k, R = within(Y, roots * (share / size))
        left = (1 - 2.0**-k) ** 2 * np.eye(6) - (Y * roots[:, None]).T @ (Y * roots[:, None]) * (share / size) ** 2
        assert k > 0 and np.abs(R @ left @ R.T - np.eye(6)).max() < 1e-4
    k, R = within(Y, roots / size)
    assert k == 0 and not R.any()
