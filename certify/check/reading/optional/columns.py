"""Which features may move, and the unit of each: what a spec says, and what that means for a data file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from certify.check.reading.numbers import is_number
from certify.format.canonical import show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.data import Vector
    from certify.check.reading.spec import Spec


def columns(value: object, where: str = "spec, perturbation.columns") -> tuple[int | str, ...] | None:
    """Numbers or names of the features that may move."""
    if value is None:
        return None
    if not isinstance(value, list) or not value or any(
            not (isinstance(v, str) and v or type(v) is int and v >= 0) for v in value):
        raise Invalid(where, f"{show(value)} is stated", "a list of numbers or names is needed")
    return tuple(value)


def scale(value: object) -> dict[str, float] | None:
    """Units of features by number or name."""
    if value is None:
        return None
    if not isinstance(value, dict) or any(not is_number(v, least=0) or v == 0 for v in value.values()):
        raise Invalid("spec, perturbation.scale", f"{show(value)} is stated", "units above 0 by feature are needed")
    return {key: float(unit) for key, unit in value.items()}


def units(spec: Spec, names: tuple[str, ...]) -> Vector:
    """The unit of every feature: that of `scale`, else 1; 0 for one that `columns` does not list.

    A feature is named by its number (from 0) or, where the data has names, by its name.

    Raises:
        Invalid: a number or name that is no feature's, or one named twice.
    """
    scale = {placed(key, spec, names): unit for key, unit in (spec.scale or {}).items()}
    listed = range(spec.widths[0]) if spec.columns is None else [placed(c, spec, names) for c in spec.columns]
    if len(set(listed)) != len(listed) or len(scale) != len(spec.scale or {}) or not set(scale) <= set(listed):
        raise Invalid("spec, perturbation.columns, .scale", f"{show(spec.columns)}, {show(spec.scale)}",
                      "each feature may be named once, and only one that may move has a unit")
    return tuple(scale.get(j, 1.0) if j in listed else 0.0 for j in range(spec.widths[0]))


def placed(
    key: int | str, spec: Spec, names: tuple[str, ...], where: str = "spec, perturbation.columns, .scale",
) -> int:
    """Number of a feature that is named by its number or by its name.

    Raises:
        Invalid: there is none, or it could be two.
    """
    place = key if isinstance(key, int) else int(key) if re.fullmatch("0|[1-9][0-9]{0,8}", key) else -1
    if key in names:
        named = names.index(str(key))
        if place not in (-1, named) and place < spec.widths[0]:
            raise Invalid(where, f"{show(key)} is named", "it is a name and a number")
        return named
    if not 0 <= place < spec.widths[0]:
        raise Invalid(where, f"{show(key)} is named",
                      f"the features are 0 to {spec.widths[0] - 1}" + (f", {show(names)}" if names else ""))
    return place
