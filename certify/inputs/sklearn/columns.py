"""Which features a fitted front of columns (scalers, encoders, imputers side by side) makes of which column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.sklearn.wrapped import SCALERS, require_known

ENCODERS: Final = ("OneHotEncoder", "OrdinalEncoder")
FILLS: Final = "SimpleImputer"
SIDE_BY_SIDE: Final = "ColumnTransformer"
DROPS, PASSES = "drop", "passthrough"
STANDS_FOR: Final = "FunctionTransformer"
"""What scikit-learn puts in the place of `"passthrough"`; with a function of its own it is not known."""
FITTED: Final = {**dict.fromkeys(ENCODERS, "categories_"), FILLS: "statistics_", SIDE_BY_SIDE: "transformers_"}
"""What each has once it is fitted. Each makes features of a row from that row alone."""
FRONTS: Final = tuple(FITTED)
NONE: Final = object()
"""Stands for every missing value: one NaN is not equal to another."""
KEEPS: Final = ("ignore", "infrequent_if_exist", "warn", "use_encoded_value")
"""Values of `handle_unknown` by which a category that is not known becomes numbers too."""


@dataclass(frozen=True)
class Encoder:
    """What an encoder knows of a column.

    Attributes:
        known: its categories.
        keeps: whether it makes numbers of others as well.
        filled: whether no missing value comes to it, as others were put in their places.
    """

    known: tuple[Any, ...]
    keeps: bool
    filled: bool

    def knows(self) -> set[Any]:
        """What may stand in the column; `NONE` for a missing value."""
        return {NONE if is_missing(one) else one for one in self.known} | ({NONE} if self.filled else set())


@dataclass
class Column:
    """What is done to one column.

    Attributes:
        used: whether features are made of it.
        numbers: whether it goes to what takes numbers alone.
        encoders: that it goes to.
        listed: whether somebody listed these categories, so that rows may hold others.
        needed: whether a missing value in it would become no number.
    """

    used: bool = False
    numbers: bool = False
    encoders: list[Encoder] = field(default_factory=list)
    listed: bool = False
    needed: bool = False

    def strange(self, values: Sequence[Any]) -> list[int]:
        """Numbers of the values that some encoder does not know."""
        sets = [one.knows() for one in self.encoders]
        return [i for i, value in enumerate(values) if any((NONE if is_missing(value) else value) not in one
                                                           for one in sets)]

    @property
    def keeps(self) -> bool:
        """Whether every encoder makes numbers of what it does not know."""
        return all(one.keeps for one in self.encoders)

    @property
    def known(self) -> list[Any]:
        """The categories of all encoders."""
        return [one for encoder in self.encoders for one in encoder.known]


@dataclass(frozen=True)
class Signal:
    """A column on its way.

    Attributes:
        column: its number.
        filled: whether its missing values were filled in.
        made: whether it is a number made of the column, and no longer the column itself.
        scalers: fitted scalers that it went through, each with its number there; None: more was done to it than that.
    """

    column: int
    filled: bool = False
    made: bool = False
    scalers: tuple[tuple[Any, int], ...] | None = ()


def is_missing(value: Any) -> bool:
    """Whether a value is none.

    >>> is_missing(None), is_missing(float("nan")), is_missing("nan")
    (True, True, False)
    """
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (
        isinstance(value, float | np.floating) and bool(np.isnan(value)))


class Walk:
    """The columns of a table on their way through fitted steps.

    Args:
        columns: how many there are.
    """

    def __init__(self, columns: int) -> None:
        self.columns = [Column() for _ in range(columns)]

    def through(self, steps: Sequence[Any]) -> list[Signal]:
        """What the columns have become behind all steps.

        Raises:
            InputError: a step that is not known, or is not fitted.
        """
        signals = [Signal(j) for j in range(len(self.columns))]
        for step in steps:
            signals = self.step(step, signals)
        for signal in signals:
            self._ends(signal)
        return signals

    def step(self, step: Any, signals: list[Signal]) -> list[Signal]:
        """What columns become behind one step."""
        name = require_step(step)
        if name == "Pipeline":
            for _, one in step.steps:
                signals = signals if one is None or isinstance(one, str) else self.step(one, signals)
            return signals
        for signal in signals if name not in (SIDE_BY_SIDE, DROPS) else ():
            self.columns[signal.column].used = True
        if name in _STEPS:
            return _STEPS[name](self, step, signals)
        if name == DROPS:
            return []
        return self._scaled(step, signals) if name in SCALERS else signals

    def _ends(self, signal: Signal) -> None:
        column = self.columns[signal.column]
        column.used = True
        if not signal.made:
            column.numbers = True
            column.needed |= not signal.filled

    def _scaled(self, step: Any, signals: list[Signal]) -> list[Signal]:
        for signal in signals:
            self.columns[signal.column].numbers |= not signal.made
        clips = getattr(step, "clip", False)  # beyond its ranges a feature no longer moves
        return [replace(one, scalers=None if clips or one.scalers is None else (*one.scalers, (step, j)))
                for j, one in enumerate(signals)]

    def _encoded(self, step: Any, signals: list[Signal]) -> list[Signal]:
        found = []
        for j, (signal, categories) in enumerate(zip(signals, step.categories_, strict=True)):
            column, known = self.columns[signal.column], tuple(np.asarray(categories).tolist())
            if not signal.made:
                column.encoders.append(Encoder(known, step.handle_unknown in KEEPS, signal.filled))
                column.listed |= not isinstance(step.categories, str)
                column.needed |= not signal.filled and not any(is_missing(one) for one in known)
            count = _places(step, j) if type(step).__name__ == ENCODERS[0] else 1
            found += [Signal(signal.column, True, True, None)] * count
        return found

    def _filled(self, step: Any, signals: list[Signal]) -> list[Signal]:
        whole, values = step.keep_empty_features or step.strategy == "constant", step.statistics_
        kept = [signal for signal, value in zip(signals, values, strict=True) if whole or not is_missing(value)]
        fills = is_missing(step.missing_values)
        for signal in kept:
            self.columns[signal.column].numbers |= step.strategy in ("mean", "median") and not signal.made
        told = [] if step.indicator_ is None else [signals[int(j)] for j in step.indicator_.features_]
        return [replace(one, filled=True) if fills else replace(one, scalers=None) for one in kept] + [
            Signal(one.column, True, True, None) for one in told]

    def _side_by_side(self, step: Any, signals: list[Signal]) -> list[Signal]:
        names = getattr(step, "feature_names_in_", None)
        found: dict[int, list[Signal]] = {}
        for name, one, columns in step.transformers_:
            places = placed(columns, None if names is None else [str(word) for word in names], len(signals))
            behind = self.step(one, [signals[j] for j in places]) if places else []
            place = step.output_indices_[name]
            if place.stop - place.start != len(behind):
                raise InputError("estimator", f"a ColumnTransformer whose part {name!r} makes "
                                 f"{place.stop - place.start} features, where {len(behind)} are known", "fit it with "
                                 "encoders, scalers and imputers of scikit-learn alone")
            if behind:
                found[place.start] = behind
        weighed = bool(step.transformer_weights)  # a feature is no longer what its scalers say
        return [replace(one, scalers=None) if weighed else one for start in sorted(found) for one in found[start]]


_STEPS: Final = {**dict.fromkeys(ENCODERS, Walk._encoded), FILLS: Walk._filled, SIDE_BY_SIDE: Walk._side_by_side}


def _places(step: Any, j: int) -> int:
    """How many features a fitted OneHotEncoder makes of its column j."""
    few = getattr(step, "infrequent_categories_", [None] * (j + 1))[j] if _parts(step) else None
    dropped = 0 if step.drop_idx_ is None or step.drop_idx_[j] is None else 1
    return len(step.categories_[j]) - (0 if few is None else len(few) - 1) - dropped


def _parts(step: Any) -> bool:
    return step.min_frequency is not None or step.max_categories is not None


def require_step(step: Any) -> str:
    """The name of a fitted step before an estimator.

    Raises:
        InputError: it is none that is known, or is not fitted.
    """
    if isinstance(step, str) and step in (DROPS, PASSES):
        return step
    name = type(step).__name__
    if not type(step).__module__.startswith("sklearn."):
        require_known(f"{name} of {type(step).__module__}", "estimator")
    if name == "Pipeline":
        return name
    if name == STANDS_FOR and step.func is None:
        return PASSES
    require_known(name, "estimator")
    if not hasattr(step, FITTED.get(name, "scale_")):
        raise InputError("estimator", f"{name} that is not fitted", "call fit first")
    return name


def placed(columns: Any, names: Sequence[str] | None, n: int) -> list[int]:
    """Numbers of the columns that a fitted ColumnTransformer gives to one of its parts.

    Args:
        columns: as it holds them: one, several, a slice, or true and false.
        names: of all columns, or None.
        n: how many there are.

    Raises:
        InputError: a form that is not known.

    >>> placed(slice("b", "c"), ["a", "b", "c"], 3), placed([-1, 0], None, 3), placed([True, False], None, 2)
    ([1, 2], [2, 0], [0])
    """
    def at(one: Any) -> int:
        if isinstance(one, str) and names is not None and one in names:
            return list(names).index(one)
        if isinstance(one, int | np.integer) and -n <= one < n:
            return int(one) % n
        raise InputError("estimator", f"a ColumnTransformer of column {one!r}", "name columns, or give their numbers")

    if isinstance(columns, slice):
        words = isinstance(columns.start, str) or isinstance(columns.stop, str)
        if not words:
            return list(range(n))[columns]
        start = 0 if columns.start is None else at(columns.start)
        stop = n if columns.stop is None else at(columns.stop) + 1  # a name is within
        return list(range(start, stop, columns.step or 1))
    if isinstance(columns, str | int | np.integer):
        return [at(columns)]
    if callable(columns):
        raise InputError("estimator", "a ColumnTransformer whose columns are not chosen yet", "call fit first")
    found = list(columns)
    if found and all(isinstance(one, bool | np.bool_) for one in found):
        return [j for j, one in enumerate(found) if one]
    return [at(one) for one in found]
