"""What stands around an estimator: a search for its options, and a pipeline of fitted scalers before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_rows
from certify.rigor.fp import Array

SEARCHES: Final = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
MULTIPLIES: Final = ("MinMaxScaler",)
"""Scalers whose `scale_` is a factor; that of the others is a divisor."""
SLACK: Final = 1.0 + 2.0**-40
"""Above the rounding of a quotient, of products, and of the scalers' own arithmetic beside it."""
SCALERS: Final = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Fitted scalers, and features that are made from the training rows, one after another, in floats.

    Attributes:
        steps: each with its name.
        columns: of a row before them.
        names: of those columns, where these are not the columns after them; None: the problem has them.
        of_rows: whether the last makes features from the training rows, so that a new row would have others.
        units: of scalers alone: how far a feature moves behind them, at most, where it moves by 1 before them.
    """

    steps: tuple[tuple[str, Callable[[Any], Any]], ...]
    columns: int
    names: tuple[str, ...] | None = None
    of_rows: bool = False
    units: tuple[float, ...] | None = None

    @property
    def words(self) -> str:
        """Their names."""
        return ", ".join(name for name, _ in self.steps)

    def __call__(self, X: Array) -> Array:
        """The rows as the estimator gets them.

        Raises:
            InputError: rows that become no finite numbers.
        """
        for name, scaled in self.steps:
            X = given_rows(scaled(X), f"rows after {name}")
        return X


def unwrapped(estimator: Any, columns: int) -> tuple[Any, Prepared | None]:
    """The estimator itself, and what is done to rows of so many columns before it.

    Raises:
        InputError: a step that is no scaler, or a search that fitted no best estimator.
    """
    steps: list[tuple[str, Callable[[Any], Any]]] = []
    scalers: list[Any] = []
    while True:
        name = type(estimator).__name__
        if name in SEARCHES:
            if not hasattr(estimator, "best_estimator_"):
                raise InputError("estimator", f"{name} without a best estimator", "call fit first, with refit=True")
            estimator = estimator.best_estimator_
        elif name == "Pipeline":
            *before, (_, last) = estimator.steps
            scalers += [step for _, step in before if step is not None and not isinstance(step, str)]
            steps = [_scaler(step) for step in scalers]
            estimator = last
        else:
            return estimator, Prepared(tuple(steps), columns, units=_units(scalers, columns)) if steps else None


def _units(scalers: list[Any], columns: int) -> tuple[float, ...]:
    """How far each feature moves behind all scalers, at most, where it moves by 1 before them; rounded upwards."""
    found = np.ones(columns)
    for step in scalers:
        scale = getattr(step, "scale_", None)
        factor = np.ones(columns) if scale is None else np.broadcast_to(np.asarray(scale, dtype=np.float64), columns)
        multiplies = type(step).__name__ in MULTIPLIES
        found = found * (factor if multiplies else 1.0 / factor) * SLACK
    return tuple(float(unit) for unit in found)


def _scaler(step: Any) -> tuple[str, Callable[[Any], Any]]:
    name = type(step).__name__
    if name not in SCALERS:
        raise InputError("estimator", f"a pipeline with {name}", f"apply it to X and X_eval before; only "
                         f"{', '.join(SCALERS)} are known in a pipeline")
    if not hasattr(step, "scale_"):
        raise InputError("estimator", f"{name} that is not fitted", "call fit first")
    fitted = getattr(step, "feature_names_in_", None)

    def scaled(X: Array) -> Any:
        if fitted is None:
            return step.transform(X)
        columns = step.feature_names_in_
        try:  # names were compared before; the scaler warns of rows without them
            del step.feature_names_in_
            return step.transform(X)
        finally:
            step.feature_names_in_ = columns

    return name, scaled
