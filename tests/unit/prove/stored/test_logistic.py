"""Logistic regressions whose rows stay on disk: D14 against refits after every choice of rows, and what is refused."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import certify
from certify.format.errors import EnclosureError, InputError
from certify.systems.head.rows.stored import rows as stored


def drawn(folder: Path, n: int, seed: int, near: int = 4, **options: object):
    rng = np.random.default_rng([n, seed])
    y = rng.integers(0, 2, n)
    X = (rng.uniform(-1.0, 1.0, (n, 2)) * [1.0, 3.0] + 0.3 * (2 * y[:, None] - 1)).astype(np.float32)
    np.save(folder / "rows.npy", X)
    model = LogisticRegression(**{"C": 0.2, **options}).fit(X.astype(np.float64), y)
    points = rng.standard_normal((40, 2)) * 2.0
    w = model.coef_[0]
    aim = 10.0 ** -rng.uniform(0, near, 40) * rng.choice([-1, 1], 40)  # outputs that are small, so that some flip
    points -= np.outer((points @ w + model.intercept_ - aim) / (w @ w), w)
    return model, X.astype(np.float64), y, points


def refits(model: LogisticRegression, X: np.ndarray, y: np.ndarray, count: int, relabel: bool) -> np.ndarray:
    """Weights after every choice of at most `count` rows, by Newton's method until floats give no more."""
    phi = np.c_[X, np.ones(len(X))] if model.fit_intercept else X
    choices = [c for m in range(count + 1) for c in combinations(range(len(X)), m)]
    keep, sign = np.ones((len(choices), len(X))), np.tile(2.0 * y - 1.0, (len(choices), 1))
    for b, rows in enumerate(choices):
        if relabel:
            sign[b, list(rows)] *= -1
        else:
            keep[b, list(rows)] = 0.0
    decay = np.full(phi.shape[1], 1.0 / model.C)
    if model.fit_intercept:
        decay[-1] = 0.0
    V, outer = np.zeros((len(choices), phi.shape[1])), (phi[:, :, None] * phi[:, None, :]).reshape(len(X), -1)
    for _ in range(8):
        p = 1.0 / (1.0 + np.exp(sign * (V @ phi.T)))
        g = (-sign * p * keep) @ phi + V * decay
        H = ((p * (1 - p) * keep) @ outer).reshape(len(V), len(decay), len(decay)) + np.diag(decay)
        V -= np.linalg.solve(H, g[..., None])[..., 0]
    assert np.abs(g).max() < 1e-9
    return V


@pytest.mark.parametrize(("count", "relabel", "n", "options"), [
    (1, False, 150, {}), (1, True, 150, {}), (2, False, 110, {}), (2, True, 150, {}),
    (1, False, 90, {"fit_intercept": False}), (1, True, 150, {"solver": "newton-cholesky", "tol": 1e-1})])
def test_labels_stay_and_flip_as_those_of_all_refits(tmp_path: Path, count: int, relabel: bool, n: int,
                                                     options: dict[str, object]) -> None:
    decided = flipped = 0
    for seed in range(4 - count):
        model, X, y, points = drawn(tmp_path, n, seed, **options)
        change = {"relabel" if relabel else "delete": count}
        found = certify.stored_predictions(model, tmp_path / "rows.npy", y, points, **change)
        phi = np.c_[points, np.ones(len(points))] if model.fit_intercept else points
        V = refits(model, X, y, count, relabel)
        margins = (phi @ V.T) * np.where(model.predict(points) == 1, 1.0, -1.0)[:, None]
        assert (margins[found.proved] > 0).all()
        assert (margins[found.flipped].min(axis=1) < 0).all()
        for j, rows in found.rows.items():
            assert len(rows) <= count
            choices = [c for m in range(count + 1) for c in combinations(range(n), m)]
            assert margins[j, choices.index(rows)] < 0
        decided, flipped = decided + len(found.proved) + len(found.flipped), flipped + len(found.flipped)
        assert found.tolerated is None
    assert decided > 40
    assert flipped > 4


def test_parts_and_ranks_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    model, _, y, points = drawn(tmp_path, 3000, 0)
    one, two = (certify.stored_predictions(model, tmp_path / "rows.npy", y, points, delete=3, ranks=ranks)
                for ranks in (1, 2))
    assert one.json() == two.json()
    assert len(one.proved)
    assert len(one.flipped)


def test_what_is_not_bounded_is_open_or_refused(tmp_path: Path) -> None:
    model, X, y, points = drawn(tmp_path, 60, 1)
    path = tmp_path / "rows.npy"
    for change, words in (({"delete": 59}, "leverages add up"), ({"relabel": 50}, "pull too hard")):
        found = certify.stored_predictions(model, path, y, points, **change)
        assert len(found.undecided) == len(points)
        assert words in found.reason
    three = LogisticRegression().fit(X, np.arange(60) % 3)
    with pytest.raises(InputError, match="3 classes"):
        certify.stored_predictions(three, path, np.arange(60) % 3, points, delete=1)
    with pytest.raises(InputError, match="class_weight"):
        certify.stored_predictions(LogisticRegression(class_weight="balanced").fit(X, y), path, y, points, delete=1)
    np.save(path, np.c_[X[:, :1], np.zeros(60)].astype(np.float32))
    far = LogisticRegression(C=1e300).fit(np.c_[X[:, :1], np.zeros(60)], y)
    with pytest.raises(EnclosureError, match="leave it out"):
        certify.stored_predictions(far, path, y, points, delete=1)
