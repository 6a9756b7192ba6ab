"""Logistic regressions whose rows stay on disk (D14): every choice fitted again, and the same words as in memory."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.linear_model import LogisticRegression

import certify
from certify.format.errors import EnclosureError
from certify.prove.stored import logistic
from certify.systems.head.rows.stored import rows as stored

Array = np.ndarray


def drawn(folder: Path, n: int, dtype: type = np.float32, **options: object,
          ) -> tuple[LogisticRegression, Array, Array, Array]:
    """Columns of other sizes, labels that are words, and evaluation rows of which some lie near the boundary."""
    rng = np.random.default_rng(n)
    X = (rng.standard_normal((n, 2)) * [0.02, 40.0]).astype(dtype)
    y = np.where(X @ [40.0, 0.01] + rng.logistic(size=n) > 0.5, "yes", "no")
    np.save(folder / "rows.npy", X)
    model = LogisticRegression(tol=1e-10, max_iter=5000, **options).fit(X.astype(np.float64), y)
    X_eval = rng.standard_normal((160, 2)) * [0.02, 40.0]
    w = model.coef_[0] * [0.02, 40.0]
    out = model.decision_function(X_eval)[:, None]
    near = X_eval - (out - 0.4 * rng.standard_normal((160, 1))) * w / (w @ w) * [0.02, 40.0]
    return model, X, y, np.vstack([X_eval[:20], near])


def refits(model: LogisticRegression, X: Array, y: Array, count: int, relabels: bool,
           ) -> tuple[list[tuple[int, ...]], Array]:
    """Every choice, and the minimum after it; the last column is the intercept."""
    s = np.where(y == model.classes_[1], 1.0, -1.0)
    phi = np.c_[X.astype(np.float64) / [0.02, 40.0], np.ones(len(X)) * float(model.fit_intercept)]
    last = 1.0 if model.solver == "liblinear" or not model.fit_intercept else 0.0
    mu = np.array([0.02**-2, 40.0**-2, last]) / model.C
    choices = [M for k in range(count + 1) for M in combinations(range(len(X)), k)]
    sign, kept = np.tile(s, (len(choices), 1)), np.ones((len(choices), len(X)))
    for t, M in enumerate(choices):
        if relabels:
            sign[t, list(M)] *= -1.0
        else:
            kept[t, list(M)] = 0.0
    w = np.zeros((len(choices), 3))
    for _ in range(14):
        p = 1.0 / (1.0 + np.exp(sign * (w @ phi.T)))
        g = mu * w - (kept * sign * p) @ phi
        H = ((kept * p * (1.0 - p)) @ (phi[:, :, None] * phi[:, None, :]).reshape(len(X), 9)).reshape(-1, 3, 3)
        w = w - np.linalg.solve(H + np.diag(mu), g[..., None])[..., 0]
    assert np.abs(g).max() < 1e-10
    return choices, w / [0.02, 40.0, 1.0]


@pytest.mark.parametrize(("n", "count", "relabels", "dtype", "options"), [
    (500, 1, False, np.float32, {"C": 3.0}),
    (500, 1, True, np.float64, {"C": 3.0, "fit_intercept": False}),
    (500, 1, True, np.float32, {"C": 0.02, "solver": "liblinear"}),
    (160, 2, False, np.float64, {"C": 0.5}),
    (160, 2, True, np.float32, {"C": 0.5}),
])
def test_no_choice_contradicts_what_is_said(n: int, count: int, relabels: bool, dtype: type,
                                            options: dict[str, object], tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, n, dtype, **options)
    kind = {"relabel" if relabels else "delete": count}
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, **kind)
    choices, w = refits(model, X, y, count, relabels)
    outputs = np.c_[X_eval, np.ones(len(X_eval))] @ w.T
    outputs *= np.where(model.predict(X_eval) == model.classes_[1], 1.0, -1.0)[:, None]
    assert (outputs[found.proved].min(axis=1) > 0.0).all()
    place = {M: t for t, M in enumerate(choices)}
    assert set(found.rows) == set(found.flipped.tolist())
    assert all(outputs[j, place[rows]] < 0.0 for j, rows in found.rows.items())
    stay = (outputs.min(axis=1) > 0.0).sum()
    assert len(found.proved) > (0.7 if n > 200 else 0.4) * stay
    assert len(found.flipped) > (0.5 if n > 200 else 0.2) * (len(X_eval) - stay)


def test_it_agrees_with_memory_and_with_other_files_and_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, 1500, C=0.5)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=2)
    whole = certify.stable_predictions(certify.from_sklearn(model, X, y), X_eval, delete=2, seconds=20)
    assert not set(found.proved.tolist()) & set(whole.attacked.tolist())
    assert not set(found.flipped.tolist()) & set(whole.proved.tolist())
    assert len(found.undecided) < 0.1 * len(X_eval)
    pyarrow.parquet.write_table(pyarrow.table({"a": X[:, 0], "b": X[:, 1]}), tmp_path / "rows.parquet",
                                row_group_size=77)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    other = certify.stored_predictions(model, tmp_path / "rows.parquet", y, X_eval, delete=2, ranks=2)
    assert other.json() == found.json()


def test_what_no_bound_holds_of_is_said(tmp_path: Path) -> None:
    model, _, y, X_eval = drawn(tmp_path, 500, C=3.0)
    path = tmp_path / "rows.npy"
    for kind in ({"delete": 450}, {"relabel": 450}):
        found = certify.stored_predictions(model, path, y, X_eval, **kind)
        assert len(found.undecided) == len(X_eval)
        assert "any 450 rows together" in found.reason
    edge = np.array([[-model.intercept_[0] / model.coef_[0, 0], 0.0]])  # on the boundary, as far as floats see
    found = certify.stored_predictions(model, path, y, edge, delete=1)
    assert (found.undecided.tolist(), "rounding does not part" in found.reason) == ([0], True)
    far = np.load(path)
    far[0] *= 1e4
    np.save(path, far)
    with pytest.raises(EnclosureError, match=r"weight decay|smaller tol"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)


@pytest.mark.parametrize("relabels", [False, True])
def test_every_step_is_asked_the_same_and_the_decay_is_known(relabels: bool, monkeypatch: pytest.MonkeyPatch,
                                                             tmp_path: Path) -> None:
    """What no refit of a small head would show: 1/C is rounded, and pulls of the other change are smaller."""
    model, _, y, X_eval = drawn(tmp_path, 500, C=0.3)
    asked: dict[str, tuple[Any, ...]] = {}

    def heard(name: str) -> Any:
        step = getattr(logistic, name)

        def call(*given: Any) -> Any:
            asked[name] = given
            return step(*given)

        return call

    for name in ("settled", "reach", "answered"):
        monkeypatch.setattr(logistic, name, heard(name))
    certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, **{"relabel" if relabels else "delete": 3})
    assert asked["reach"][1:] == (3, relabels)
    assert asked["answered"][3:] == (3, relabels)
    rows, _, mu, off, _ = asked["settled"]
    for value, scale in zip(mu[:2].tolist(), rows.scale.tolist(), strict=False):
        assert 0 < abs(Fraction(value) - Fraction(scale) ** 2 / Fraction(model.C)) <= Fraction(off)
    assert mu[2] == 0.0


@pytest.mark.parametrize(("columns", "C"), [
    (lambda x, z: np.c_[x, x + 1e-5 * z], 1e6),  # almost one column
    (lambda x, z: np.c_[x, x + 1e-2 * z, 1e-6 * z], 100.0)])  # and one that its penalty outweighs by far
def test_what_floats_do_not_tell_a_checker_is_not_written(columns: Any, C: float, tmp_path: Path) -> None:
    x, z = np.random.default_rng(3).standard_normal((2, 400))
    X, y = columns(x, z), x + np.random.default_rng(4).logistic(size=400) > 0
    np.save(tmp_path / "rows.npy", X)
    model = LogisticRegression(C=C, tol=1e-10, max_iter=500).fit(X, y)
    given = model, tmp_path / "rows.npy", y, columns(np.array([3.0, -3.0]), np.zeros(2))
    found = certify.stored_predictions(*given, delete=1, witness=True)
    assert (len(found.undecided), dict(found.witness)) == (2, {}) and "depend on each other too nearly" in found.reason
    assert certify.stored_predictions(*given, delete=1).proved.tolist() == [0, 1]
