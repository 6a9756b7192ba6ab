"""What stands around an estimator: a search for its options, and a pipeline of fitted scalers before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_rows
from certify.inputs.sklearn.sparse import VECTORIZERS
from certify.inputs.sklearn.targets import NAME
from certify.rigor.fp import Array

SEARCHES: Final = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
MULTIPLIES: Final = ("MinMaxScaler",)
"""Scalers whose `scale_` is a factor; that of the others is a divisor."""
OFFSETS: Final = {"StandardScaler": "mean_", "MinMaxScaler": "min_", "MaxAbsScaler": "", "RobustScaler": "center_"}
"""What a scaler takes away before it divides, or adds after it multiplies."""
SLACK: Final = 1.0 + 2.0**-40
"""Above the rounding of a quotient and of products, and of what a scaler's error grows by with a move."""
ERRS: Final = 16 * 2.0**-53
"""Above two times `4u`, with room for the sums that it is multiplied with."""
SCALERS: Final = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
KNOWN: Final = (*SCALERS, "ColumnTransformer", "OneHotEncoder", "OrdinalEncoder", "SimpleImputer")
"""Steps of a pipeline that stay as they were fitted; those that are no scalers read columns (`columns.py`)."""

CROSS_FITTED: Final = "TargetEncoder"
"""A step whose fit gives an estimator other features than its `transform` does."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Fitted scalers, and features that are made from the training rows, one after another, in floats.

    Attributes:
        steps: each with its name.
        columns: of a row before them.
        names: of those columns, where these are not the columns after them; None: the problem has them.
        of_rows: whether the last makes features from the training rows, so that a new row would have others.
        units: of scalers alone, none of which clips: how far a feature moves behind them where it moves by 1 before.
        offsets: how long what they add to a feature is, at most.
        mean: of every output, what targets of the data are more than those of the problem; empty: nothing.
    """

    steps: tuple[tuple[str, Callable[[Any], Any]], ...]
    columns: int
    names: tuple[str, ...] | None = None
    of_rows: bool = False
    units: tuple[float, ...] | None = None
    offsets: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    kept: ClassVar[str] = "the scaling as it was fitted"

    @property
    def words(self) -> str:
        """Their names."""
        return ", ".join(name for name, _ in self.steps)

    def roundings(self, X: Array) -> tuple[float, ...]:
        """How far two rows behind the scalers may lie from one another beyond what their features before them say.

        A scaler errs by at most `4u(|f| + |offset|)` of what it gives, and by what it was given times its factor; so s
        of them by `4us(|f| + |offset|)` of all together, at each of two rows. What grows with a move is in `units`.

        Args:
            X: rows behind them.
        """
        size = np.abs(X).max(axis=0) + np.asarray(self.offsets)
        return tuple((len(self.steps) * ERRS * size).tolist())

    def __call__(self, X: Array) -> Array:
        """The rows as the estimator gets them.

        Raises:
            InputError: rows that become no finite numbers.
        """
        for name, scaled in self.steps:
            X = given_rows(scaled(X), f"rows after {name}")
        return X


def prepared(scalers: Sequence[Any], columns: int) -> Prepared | None:
    """What fitted scalers do to rows of so many columns; None where there is none.

    Raises:
        InputError: a step that is no scaler.
    """
    steps = tuple(scaler(step) for step in scalers)
    if not steps:
        return None
    if any(getattr(step, "clip", False) for step in scalers):  # beyond its ranges a feature no longer moves
        return Prepared(steps, columns)
    units, offsets = zip(*(unit_of([(step, j) for step in scalers]) for j in range(columns)), strict=True)
    return Prepared(steps, columns, units=units, offsets=offsets)


def parted(estimator: Any) -> tuple[Any, list[Any]]:
    """The estimator itself, which may be fitted to transformed targets, and the steps of pipelines before it.

    Raises:
        InputError: a search that fitted no best estimator.
    """
    steps: list[Any] = []
    while True:
        name = type(estimator).__name__
        if name in SEARCHES:
            if not hasattr(estimator, "best_estimator_"):
                raise InputError("estimator", f"{name} without a best estimator", "call fit first, with refit=True")
            estimator = estimator.best_estimator_
        elif name == "Pipeline":
            *before, (_, last) = estimator.steps
            steps += [step for _, step in before if step is not None and not isinstance(step, str)]
            estimator = last
        elif name == NAME:
            estimator = _regressor(estimator)
        else:
            return estimator, steps


def of_targets(estimator: Any) -> list[Any]:
    """The fitted transformers of targets around an estimator, the outermost first.

    Raises:
        InputError: as :func:`parted`.
    """
    found = []
    while True:
        name = type(estimator).__name__
        if name in SEARCHES and hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif name == "Pipeline":
            estimator = estimator.steps[-1][1]
        elif name == NAME:
            inner = _regressor(estimator)
            found.append(estimator.transformer_)
            estimator = inner
        else:
            return found


def _regressor(estimator: Any) -> Any:
    """What was fitted to transformed targets.

    Raises:
        InputError: nothing was.
    """
    if not (hasattr(estimator, "regressor_") and hasattr(estimator, "transformer_")):
        raise InputError("estimator", f"{NAME} that is not fitted", "call fit first")
    return estimator.regressor_


def search_of(estimator: Any) -> str:
    """The name of the search that chose the options of an estimator, or of one within it; "" where none did."""
    while type(estimator).__name__ in ("Pipeline", NAME):
        estimator = estimator.steps[-1][1] if type(estimator).__name__ == "Pipeline" else _regressor(estimator)
    name = type(estimator).__name__
    return name if name in SEARCHES else ""


def unit_of(scalers: Sequence[tuple[Any, int]]) -> tuple[float, float]:
    """What scalers multiply a feature by, and the length of what they add to it, each rounded upwards.

    Args:
        scalers: one after another, each with the number of the feature there.
    """
    unit, offset = 1.0, 0.0
    for step, j in scalers:
        scale, added = getattr(step, "scale_", None), OFFSETS[type(step).__name__]
        given = 1.0 if scale is None else _entry(scale, j)
        multiplies = type(step).__name__ in MULTIPLIES
        factor = given if multiplies else 1.0 / given
        moved = getattr(step, added, None) if added else None
        own = 0.0 if moved is None else abs(_entry(moved, j)) * (1.0 if multiplies else factor)
        unit, offset = unit * factor * SLACK, (offset * factor + own) * SLACK
    return unit, offset


def _entry(values: Any, j: int) -> float:
    found = np.ravel(np.asarray(values, dtype=np.float64))
    return float(found[j if len(found) > 1 else 0])


def require_known(name: str, asked: str) -> None:
    """Refuse a step of a pipeline that is none of those that are known.

    Args:
        name: of its class.
        asked: what it stands in, for messages.

    Raises:
        InputError: with what to do.
    """
    if name == CROSS_FITTED:
        raise InputError(asked, f"a pipeline with {name}, whose fit encoded rows by labels of others (cross-fitting), "
                         "and differently from what transform gives, so that the training rows the estimator saw are "
                         "no longer known, and labels are in them", "use OneHotEncoder or OrdinalEncoder in its place; "
                         "or keep Z = encoder.fit_transform(X, y), fit the estimator to Z, and give Z as X and "
                         "encoder.transform(X_eval) as X_eval: answers are then about refits that keep Z, though other "
                         "rows or labels would change it")
    if name in VECTORIZERS:
        raise InputError(asked, f"a pipeline with {name}, and no texts", "make it the first step, and give the texts "
                         "themselves as X and X_eval, to an audit of files as the one column of features; or apply it "
                         "before (from files: save model[-1], and tables of model[:-1].transform of the rows)")
    if name not in KNOWN:
        raise InputError(asked, f"a pipeline with {name}", "apply it to X and X_eval before (from files: save "
                         f"model[-1], and tables of model[:-1].transform of the rows); answers are then about refits "
                         f"with these steps as they were fitted, whichever rows change; only {', '.join(KNOWN)} are "
                         "known in a pipeline")


def scaler(step: Any) -> tuple[str, Callable[[Any], Any]]:
    """A step of a pipeline with its name.

    Raises:
        InputError: it is none that is known, or is not fitted.
    """
    name = type(step).__name__
    require_known(name, "estimator")
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
