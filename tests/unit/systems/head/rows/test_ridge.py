"""The normal matrix of a squared-loss head whose features are known up to radii (D3, features within a distance)."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.ridge import ridge, solve
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared_labels import SquaredLabels

N = 20


def steep(gap: float, size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two columns that nearly agree, radii of the rows, and rows within them that tilt what is left of one column."""
    rng = np.random.default_rng(0)
    a, b = np.linalg.qr(rng.normal(size=(N, 2)))[0].T
    rad = np.full(N, size / np.sqrt(N))
    tilt = np.sign(a)[:, None] * np.array([1.0, -1.0]) / np.sqrt(2) * rad[:, None] * 0.999
    return np.c_[a + gap * b, a - gap * b], rad, tilt


@pytest.mark.parametrize("gap", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_influences_hold_for_every_row_within_its_radius(gap: float, share: float) -> None:
    phi, rad, tilt = steep(gap, share * gap)
    system = ridge(phi, (0.0, 0.0), np.array([True, True]), rad)
    assert not isinstance(system, str)
    e = np.array([1.0, 1.0])
    found = solve(system, e[None])
    for meant in (phi + tilt, phi - tilt):
        true = meant @ np.linalg.solve(meant.T @ meant, e)
        away = np.linalg.norm(true - system.phi @ found.u[0])
        assert 0.1 * found.off[0] < away <= found.off[0]


def test_a_label_that_the_true_features_lose_is_not_proved() -> None:
    phi, rad, tilt = steep(0.01, 1e-3)
    e, label = np.array([1.0, 1.0]), (np.linalg.qr(phi)[0][:, 1] < 0).astype(np.int64)
    codes = np.array([[-1.0], [1.0]])
    Y = codes[label]

    def least(rows: np.ndarray) -> float:
        """The output after the worst wrong label, without a threshold."""
        q = rows @ np.linalg.solve(rows.T @ rows, e)
        return float(q @ Y[:, 0] - np.max(2 * q * Y[:, 0]))

    nominal, lower = least(phi), min(least(phi + tilt), least(phi - tilt))
    assert lower < nominal - 0.1
    threshold = 0.1 * lower + 0.9 * nominal
    V = np.linalg.solve(phi.T @ phi, phi.T @ Y).T
    head = Head(phi, rad, Y, codes, label, HEAD_LOSSES["squared"], V, 0.0, np.array([True, True]), False, e[None],
                np.zeros(1), threshold)
    change, todo = RowChange(True, 1, tuple(range(N))), np.array([True])
    part = SquaredLabels().prove(head, change, todo, Budget(10.0))
    assert part is not None and not part.proved.any()
    exact = Head(phi, np.zeros(N), *[getattr(head, name) for name in (
        "Y", "codes", "label", "loss", "V", "weight_decay", "decayed", "remaining", "points", "points_rad",
        "threshold")])
    part = SquaredLabels().prove(exact, change, todo, Budget(10.0))
    assert part is not None and part.proved.all()
