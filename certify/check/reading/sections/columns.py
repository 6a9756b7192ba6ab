"""What a spec says of the features that may move, and of the unit of each."""

from __future__ import annotations

from certify.check.reading.numbers import is_number
from certify.format.canonical import show
from certify.format.refusal import Invalid


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
