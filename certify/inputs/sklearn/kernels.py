"""Kernel regressions of scikit-learn, KernelRidge and GaussianProcessRegressor, as ridge regressions on features.

With `K = LLᵀ` of the training rows, `ψ(x) = L⁺k(x)` and `w = Lᵀa`: `w·ψ(x) = k(x)·a` and `|w|² = aᵀKa`, so that the
least of `½Σ(w·ψ(x_i) − y_i)² + (α/2)|w|²` is the fitted function. `L = U√Λ` of the eigenvalues that are more than
rounding. Without a row the best function is one of the other rows' kernels, which these features hold too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_rows
from certify.inputs.sklearn.read import Linear, real_targets, strength
from certify.rigor.fp import Array

LARGEST = 5_000
"""Most rows: the eigenvectors of a matrix of their square are taken."""

ALIKE = 1e-6
"""Largest difference between the predictions of the estimator and of the features, of the largest prediction."""


@dataclass(frozen=True, eq=False)
class KernelFeatures:
    """`ψ(x) = L⁺k(x)`, in floats.

    Attributes:
        kernel: `(rows, training rows) ↦ K`, as it was fitted.
        rows: `(n, d)` the training rows.
        turn: `(n, r)` `L⁺` transposed.
    """

    kernel: Callable[[Array, Array], Array]
    rows: Array
    turn: Array

    def __call__(self, X: Array) -> Array:
        """The features of rows."""
        return np.ascontiguousarray(self.kernel(X, self.rows) @ self.turn)

    def require_rows(self, X: Array) -> None:
        """Refuse other training rows than those of the fit.

        Raises:
            InputError: the first row that differs.
        """
        if X.shape != self.rows.shape:
            raise InputError("X", f"shape {X.shape}, and the estimator was fitted to {self.rows.shape}",
                             "give the rows it was fitted to")
        off = np.flatnonzero((X != self.rows).any(axis=1))
        if len(off):
            raise InputError(f"X, row {off[0]}", "another row than the estimator was fitted to",
                             "give the rows it was fitted to, in their order")


def _kernel_ridge(estimator: Any, y: Array, n: int) -> Linear:
    p = estimator.get_params()
    name = p["kernel"]
    if callable(name) or name == "precomputed":
        raise InputError("kernel", "precomputed" if name == "precomputed" else "a function",
                         f"fit with the name of a kernel, e.g. 'rbf': of {name!r} nobody knows what it is at new rows"
                         if name == "precomputed" else "fit with the name of a kernel, e.g. 'rbf'")
    options = {key: p[key] for key in ("gamma", "degree", "coef0")}

    def kernel(A: Array, B: Array) -> Array:
        from sklearn.metrics.pairwise import pairwise_kernels

        return np.asarray(pairwise_kernels(A, B, metric=name, filter_params=True, **options))

    a = np.asarray(estimator.dual_coef_, dtype=np.float64).reshape(n_rows(estimator.X_fit_, n), -1)
    X = given_rows(estimator.X_fit_, "the rows of the fit")
    return _ridge_on_features(kernel, X, a, strength("alpha", p["alpha"]), real_targets(y, n, a.shape[1]),
                              f"{name} kernel", "")


def _gaussian_process(estimator: Any, y: Array, n: int) -> Linear:
    """The mean of the process; its noise is the penalty: `α` and what white kernels add to the diagonal."""
    _require_known(estimator.kernel_)
    X = given_rows(estimator.X_train_, "the rows of the fit")
    a = np.asarray(estimator.alpha_, dtype=np.float64).reshape(n_rows(X, n), -1)

    def kernel(A: Array, B: Array) -> Array:
        return np.asarray(estimator.kernel_(A, B))

    noise = _noise(estimator.kernel_(X), kernel(X, X))
    mean, scale = np.ravel(estimator._y_train_mean), np.ravel(estimator._y_train_std)
    targets = real_targets(y, n, a.shape[1]) - mean
    said = f"; outputs are without the mean {', '.join(f'{m:g}' for m in mean)} of y, which stays" if mean.any() else ""
    read = _ridge_on_features(kernel, X, a * scale, strength("alpha", estimator.get_params()["alpha"]) + noise, targets,
                              f"kernel {estimator.kernel_}", said)
    return replace(read, mean=tuple(mean.tolist()) if estimator.normalize_y else ())  # it may be 0, and moves with y


def n_rows(X: Any, n: int) -> int:
    """How many rows the fit had, which have to be those that are given.

    Raises:
        InputError: another number, or too many.
    """
    if len(X) != n:
        raise InputError("X", f"{n} rows, and the estimator was fitted to {len(X)}", "give the rows it was fitted to")
    if n > LARGEST:
        raise InputError("X", f"{n} rows of a kernel, whose features are as many", f"give at most {LARGEST}")
    return n


def _ridge_on_features(kernel: Callable[[Array, Array], Array], X: Array, a: Array, alpha: float, targets: Array,
                       name: str, more: str) -> Linear:
    K = kernel(X, X)
    if not np.isfinite(K).all():
        raise InputError("kernel", f"{name}, whose values at the rows of the fit are not all finite",
                         "fit with a smaller degree or gamma, or scale the columns")
    values, U = np.linalg.eigh((K + K.T) / 2)
    least = len(X) * 2.0**-52 * float(np.abs(values).max())
    if values[0] < -16 * least:
        raise InputError("kernel", f"{name}, which is not positive semidefinite: it has the eigenvalue {values[0]:.2g}",
                         "fit with another, e.g. 'rbf'")
    kept = values > least
    root = np.sqrt(values[kept])
    features = KernelFeatures(kernel, X, U[:, kept] / root)
    W = np.ascontiguousarray((root[:, None] * (U[:, kept].T @ a)).T)
    wanted = K @ a
    off, size = float(np.abs(features(X) @ W.T - wanted).max()), float(np.abs(wanted).max())
    if not off <= ALIKE * size:
        raise InputError("alpha", f"{alpha:g}, with which features miss the predictions by {off:.2g} of {size:.2g}",
                         "fit with a larger alpha")
    said = (f"answers are about refits with the {name} as it was fitted, as a ridge regression on its "
            f"{len(W[0])} features as they are computed in float64{more}")
    return Linear(W, None, "squared", alpha / len(X), False, None, targets, features=(name, features), said=said)


def _noise(whole: Array, between: Array) -> float:
    """What stands on the diagonal of the kernel of the training rows alone: the noise of white kernels.

    Raises:
        InputError: more than one number on the diagonal differs.
    """
    found = np.asarray(whole) - between
    size = float(np.abs(whole).max())
    noise = float(np.median(np.diag(found)))
    if np.abs(found - noise * np.eye(len(found))).max() > 2.0**-40 * size:
        raise InputError("kernel", "one whose values at equal rows are not one noise more",
                         "fit with WhiteKernel beside other kernels, or with alpha")
    return noise if noise > 2.0**-40 * size else 0.0


def _require_known(kernel: Any) -> None:
    """Refuse kernels that are not scikit-learn's own: what they compute is code of a caller."""
    parts = [kernel, *(part for part in kernel.get_params(deep=True).values() if hasattr(part, "diag"))]
    for part in parts:
        if type(part).__module__ != "sklearn.gaussian_process.kernels" or callable(getattr(part, "metric", None)):
            raise InputError("kernel", f"{type(part).__name__}, which is not one of scikit-learn's",
                             "fit with kernels of sklearn.gaussian_process.kernels")


READERS: Final[Mapping[str, Callable[[Any, Array, int], Linear]]] = MappingProxyType({
    "KernelRidge": _kernel_ridge, "GaussianProcessRegressor": _gaussian_process})
"""By the name of the class."""
