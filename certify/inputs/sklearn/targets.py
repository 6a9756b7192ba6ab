"""`TransformedTargetRegressor` whose targets are scaled: as one model in the units of the targets.

With `f = m + s·g`, where `g` is fitted to `(y − m)/s` by squares, a penalty `α|w|²` and a free intercept,

    Σ (f(xᵢ) − yᵢ)² + α|s·w|² = s² (Σ (g(xᵢ) − (yᵢ − m)/s)² + α|w|²),

so that `f` is what the same estimator fits to `y` itself, for any `m` and any `s ≠ 0`: of several outputs each by
itself, as their losses and penalties add up. It is the same, too, where the scaler is fitted anew to other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.inputs.sklearn.read import Linear
from certify.rigor.fp import Array

NAME: Final = "TransformedTargetRegressor"
LOGARITHMS: Final = ("log", "log1p", "log2", "log10")
DIVIDES: Final = {"StandardScaler": "mean_", "RobustScaler": "center_", "MaxAbsScaler": ""}
"""Scalers that subtract what has this name, and divide by `scale_`."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """What makes targets of what an estimator predicts, `s·g + m`.

    Attributes:
        factor: `(1,)` or `(k,)`, s.
        shift: the same of m.
        name: of the scaler; "": it does nothing.
    """

    factor: Array
    shift: Array
    name: str

    @property
    def said(self) -> str:
        """What a reader has to know."""
        return (f"{self.name} of the targets: answers are in the units of the targets themselves, and are the same "
                "whether it stays as it was fitted or is fitted anew") if self.name else ""

    def of(self, read: Linear, name: str) -> Linear:
        """An estimator with its outputs in the units of the targets.

        Args:
            read: what was fitted to scaled targets, with the targets as they are.
            name: of its class.

        Raises:
            InputError: another loss than the squared one, no intercept that takes up the shift, or an overflow.
        """
        if not self.name:
            return read
        if not Loss(read.loss).least_squares or read.features is not None or read.targets is None:
            raise InputError("estimator", f"{NAME} with {self.name} around {name}, of which it is not known that "
                             "scaled targets change nothing", f"fit {name} to the targets as they are, or Ridge in it")
        if read.bias is not None and read.bias_decay and read.weight_decay > 0:
            raise InputError("estimator", f"{NAME} with {self.name} around {name}, whose penalty is on the intercept "
                             "too", f"fit {name} to the targets as they are, or Ridge in it")
        if read.bias is None and self.shift.any():
            raise InputError("estimator", f"{NAME} with {self.name} around {name} without an intercept",
                             "fit with fit_intercept=True, which takes up what the scaler subtracts")
        with np.errstate(over="ignore", invalid="ignore"):
            weights = read.weights * self.factor[:, None]
            bias = None if read.bias is None else read.bias * self.factor + self.shift
        if not (np.isfinite(weights).all() and (bias is None or np.isfinite(bias).all())):
            raise InputError("estimator", "weights that overflow in the units of the targets",
                             "fit it to targets in other units")
        return replace(read, weights=weights, bias=bias, said="; ".join(filter(None, (read.said, self.said))))


def scaling_of(transformers: Sequence[Any]) -> Scaling:
    """What fitted transformers of targets do, the outermost first.

    Raises:
        InputError: one that is no multiplication and addition, with how its fit is asked about.
    """
    factor, shift, names = np.ones(1), np.zeros(1), list[str]()
    for transformer in transformers:
        name = type(transformer).__name__
        if name == "FunctionTransformer" and transformer.func is None and transformer.inverse_func is None:
            continue
        own = _affine(transformer)
        if own is None:
            raise _other(transformer)
        with np.errstate(over="ignore", invalid="ignore"):
            shift, factor = shift + factor * own[1], factor * own[0]
        names.append(name)
    return Scaling(factor, shift, ", ".join(names))


def _affine(transformer: Any) -> tuple[Array, Array] | None:
    """`s` and `m` of a scaler; None where it is another transformer."""
    name = type(transformer).__name__
    if name == "MinMaxScaler":
        if getattr(transformer, "clip", False):
            raise InputError("estimator", f"{NAME} with MinMaxScaler(clip=True), which cuts off targets beyond the "
                             "range it was fitted to: a fit that keeps it and one that fits it anew then differ",
                             "fit with MinMaxScaler() or StandardScaler(), or ask about the fit itself: "
                             "certify.from_sklearn(model.regressor_, X, "
                             "model.transformer_.transform(np.reshape(y, (-1, 1))).ravel())")
        scale = np.asarray(transformer.scale_, dtype=np.float64)
        return 1.0 / scale, -np.asarray(transformer.min_, dtype=np.float64) / scale
    if name not in DIVIDES:
        return None
    factor, shift = getattr(transformer, "scale_", None), getattr(transformer, DIVIDES[name] or "none", None)
    if not getattr(transformer, "with_mean", True):  # mean_ is there, and is not subtracted
        shift = None
    if factor is None and shift is None:
        return np.ones(1), np.zeros(1)
    if factor is None:
        factor = np.ones_like(shift)
    return (np.asarray(factor, dtype=np.float64),
            np.zeros_like(factor) if shift is None else np.asarray(shift, dtype=np.float64))


def _other(transformer: Any) -> InputError:
    """That a transformer is no scaler, and how to ask about what was fitted behind it."""
    name = type(transformer).__name__
    func = getattr(getattr(transformer, "func", None), "__name__", "")
    what, units = (f"the function {func!r}", func) if name == "FunctionTransformer" and func else (name, "transformed")
    made = f"np.{func}(y)" if func in LOGARITHMS else "model.transformer_.transform(np.reshape(y, (-1, 1))).ravel()"
    return InputError("estimator", f"{NAME} with {what}, which is no multiplication and addition, so that errors of "
                      "its predictions are not those of the fit", "ask about the fit itself: certify.from_sklearn("
                      f"model.regressor_, X, {made}), from files save model.regressor_ and a table with the target "
                      f"{made}: answers are then in {units} units")
