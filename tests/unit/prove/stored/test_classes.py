"""Softmax regressions whose rows stay on disk (D15): every choice fitted again, and the same words as in memory."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import certify
from certify.format.errors import EnclosureError, InputError
from certify.prove.stored import classes
from certify.systems.head.rows.stored import rows as stored
from certify.theorems.head.rows.classes import alone

Array = np.ndarray
SIZES = np.array([0.02, 40.0])
NAMES = np.array(["ash", "birch", "cedar"])


def drawn(folder: Path, n: int, dtype: type = np.float32, **options: object,
          ) -> tuple[LogisticRegression, Array, Array, Array]:
    """Columns of other sizes, labels that are words, and evaluation rows of which most lie near a boundary."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 2))
    y = NAMES[(X @ [[1.5, 0.0, -1.0], [0.0, 1.5, -1.0]] + 0.7 * rng.gumbel(size=(n, 3))).argmax(axis=1)]
    X = (X * SIZES).astype(dtype)
    np.save(folder / "rows.npy", X)
    model = LogisticRegression(tol=1e-10, max_iter=500, solver="newton-cg", **options).fit(X.astype(np.float64), y)
    X_eval = rng.standard_normal((120, 2)) * SIZES
    for j in range(100):
        Z = model.decision_function(X_eval[j : j + 1])[0]
        a, b = np.argsort(-Z)[:2]
        w = (model.coef_[a] - model.coef_[b]) * SIZES
        X_eval[j] -= (Z[a] - Z[b] + 0.15 * rng.standard_normal()) * w / (w @ w) * SIZES
    return model, X, y, X_eval


def refits(model: LogisticRegression, X: Array, y: Array, count: int, relabels: bool,
           ) -> tuple[list[tuple[int, ...]], Array]:
    """Every choice, and (T, 3, 3) minima after it, the last column the intercept."""
    label = np.searchsorted(model.classes_, y)
    phi = np.c_[X.astype(np.float64) / SIZES, np.ones(len(X)) * float(model.fit_intercept)]
    mu = np.array([*SIZES**-2.0, 0.0 if model.fit_intercept else 1.0]) / model.C
    found: list[tuple[tuple[int, ...], Array, Array]] = [((), label, np.ones(len(X)))]
    for M in (M for size in range(1, count + 1) for M in combinations(range(len(X)), size)):
        for turn in ((1, 2) if relabels else (0,)):
            new, keep = label.copy(), np.ones(len(X))
            new[list(M)] = (new[list(M)] + turn) % 3
            keep[list(M)] = 1.0 if relabels else 0.0
            found.append((M, new, keep))
    targets, keep = np.eye(3)[np.array([new for _, new, _ in found])], np.array([kept for _, _, kept in found])
    W, eye = np.zeros((len(found), 3, 3)), np.eye(3)
    free = np.kron(np.ones((3, 3)), np.diag([0.0, 0.0, float(model.fit_intercept)]))
    pairs = (phi[:, :, None] * phi[:, None, :]).reshape(len(X), 9)
    for _ in range(12):
        Z = np.einsum("np,tkp->tnk", phi, W)
        E = np.exp(Z - Z.max(axis=2, keepdims=True))
        s = E / E.sum(axis=2, keepdims=True)
        G = np.einsum("tn,tnk,np->tkp", keep, s - targets, phi) + mu * W
        A = keep[:, :, None, None] * (s[..., None] * eye - s[..., :, None] * s[..., None, :])
        H = (A.reshape(*A.shape[:2], 9).transpose(0, 2, 1) @ pairs).reshape(-1, 3, 3, 3, 3).transpose(0, 1, 3, 2, 4)
        H = H.reshape(-1, 9, 9) + np.kron(eye, np.diag(mu)) + free
        W = W - np.linalg.solve(H, G.reshape(-1, 9, 1)).reshape(W.shape)
    assert np.abs(G).max() < 1e-9
    return [M for M, _, _ in found], W / [*SIZES, 1.0]


def margins(model: LogisticRegression, X_eval: Array, W: Array) -> Array:
    """(N, T) least margins of today's labels."""
    Z = np.einsum("np,tkp->ntk", np.c_[X_eval, np.ones(len(X_eval))], W)
    at, label = np.arange(len(Z)), np.searchsorted(model.classes_, model.predict(X_eval))
    gaps = Z[at, :, label][:, :, None] - Z
    gaps[at, :, label] = np.inf
    return np.asarray(gaps.min(axis=2))


@pytest.mark.parametrize(("n", "count", "relabels", "dtype", "options", "share"), [
    (300, 1, False, np.float32, {"C": 3.0}, 0.95),
    (200, 1, False, np.float64, {"C": 300.0, "fit_intercept": False}, 0.9),
    (400, 1, True, np.float32, {"C": 1e-3}, 0.3),
    (80, 2, False, np.float64, {"C": 1e-5}, 0.2),
])
def test_no_choice_contradicts_what_is_said(n: int, count: int, relabels: bool, dtype: type, share: float,
                                            options: dict[str, object], tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, n, dtype, **options)
    kind = {"relabel" if relabels else "delete": count}
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, **kind)
    choices, W = refits(model, X, y, count, relabels)
    exact = margins(model, X_eval, W)
    assert (exact[found.proved].min(axis=1) > 0.0).all()
    place = {M: t for t, M in enumerate(choices)}
    assert set(found.rows) == set(found.flipped.tolist())
    assert all(exact[j, place[rows]] < 0.0 for j, rows in found.rows.items())
    stay = (exact.min(axis=1) > 0.0).sum()
    assert len(found.proved) >= share * stay
    if count == 1 and not relabels:
        assert len(found.flipped) > 0.7 * (len(X_eval) - stay)


def test_it_agrees_with_memory_and_with_other_files_parts_and_ranks(monkeypatch: pytest.MonkeyPatch,
                                                                    tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, 400, C=1.0)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=1)
    whole = certify.stable_predictions(certify.from_sklearn(model, X, y), X_eval, delete=1, seconds=20)
    assert not set(found.proved.tolist()) & set(whole.attacked.tolist())
    assert not set(found.flipped.tolist()) & set(whole.proved.tolist())
    assert len(found.undecided) < 0.05 * len(X_eval)
    pyarrow.parquet.write_table(pyarrow.table({"a": X[:, 0], "b": X[:, 1]}), tmp_path / "rows.parquet",
                                row_group_size=77)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    one, two = (certify.stored_predictions(model, tmp_path / "rows.parquet", y, X_eval, delete=1, ranks=ranks)
                for ranks in (1, 2))
    assert one.json() == two.json()
    assert one.proved.tolist() == found.proved.tolist()


def test_what_is_not_proved_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, 300, C=3.0)
    path = tmp_path / "rows.npy"
    for kind in ({"delete": 250}, {"relabel": 250}):
        found = certify.stored_predictions(model, path, y, X_eval, **kind)
        assert len(found.undecided) == len(X_eval)
        assert "any 250 rows together" in found.reason
    real = alone.newton_of
    with monkeypatch.context() as stuck:
        stuck.setattr(alone, "ROUNDS", 1)
        stuck.setattr(alone, "newton_of", lambda *given: replace(real(*given), first=10.0 + real(*given).first))
        found = certify.stored_predictions(model, path, y, X_eval, delete=1)
        assert len(found.proved) == 0
        assert "pulls so hard" in found.reason
    for other, words in ((LogisticRegression(solver="liblinear"), "two classes|three|classes|one class"),
                         (OneVsRestClassifier(LogisticRegression()), "RidgeClassifier")):
        with pytest.raises((InputError, ValueError), match=words):
            certify.stored_predictions(other.fit(X, y), path, y, X_eval, delete=1)
    far = np.load(path)
    far[0] *= 1e5
    np.save(path, far)
    with pytest.raises(EnclosureError, match=r"weight decay|smaller tol"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)


def test_the_decay_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """1/C is rounded, which no refit would show."""
    model, _, y, X_eval = drawn(tmp_path, 300, C=0.3)
    asked: list[Any] = []
    real = classes.settled
    monkeypatch.setattr(classes, "settled", lambda *given: asked.append(given[0]) or real(*given))
    certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=1)
    ground = asked[0]
    for value, scale in zip(ground.mu[:2].tolist(), ground.rows.scale.tolist(), strict=False):
        assert 0 < abs(Fraction(value) - Fraction(scale) ** 2 / Fraction(model.C)) <= Fraction(ground.mu_off)
    assert ground.mu[2] == 0.0
