"""Parts of a spec that stand alone: limits, perturbation set, columns, units, radii."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from certify.check.reading.canonical import Json, kind, show
from certify.check.reading.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Spec

LABELS, FIRST_ORDER = "stable_predictions", "first_order_prediction_change"
PREDICTIONS = frozenset({LABELS, "prediction_change"})
FINITE = PREDICTIONS | {"distance"}
"""Quantities at finite size, of the critical map."""


def limits(run: Json) -> None:
    """Limits end a run early and change no claim; here only their form is seen to."""
    time, memory = run.get("time_limit", 1), run.get("memory_limit", 1)
    if not is_number(time, 0) or time == 0:
        raise Invalid("spec, run.time_limit", f"{show(time)} is stated", "seconds above 0 are needed")
    size = isinstance(memory, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})? ?([kKMGT]|[KMGT]i)?B", memory)
    if not size and not is_number(memory, 1):
        raise Invalid("spec, run.memory_limit", f"{show(memory)} is stated", 'bytes or a size as "8 GB" are needed')


def perturbation_set(p: Json) -> Json:
    """Norm, count, direction and the one change of the perturbation set."""
    norm, number, direction = p.get("norm", 2), p.get("count"), p.get("direction")
    if direction not in (None, "down"):
        raise Invalid("spec, perturbation.direction", f"{show(direction)} is stated", 'this checker knows "down" alone')
    if not (type(norm) is int and norm in (1, 2) or norm == "inf"):
        raise Invalid("spec, perturbation.norm", f"{show(norm)} is stated", 'this checker knows 1, 2 and "inf"')
    if number is not None and (type(number) is not int or number < 1):
        raise Invalid("spec, perturbation.count", f"{show(number)} is stated", "a whole number from 1 on is needed")
    for key in ("file", "array"):
        if key in p and not isinstance(p[key], str):
            raise Invalid(f"spec, perturbation.{key}", f"it is {kind(p[key])}", "a string is needed")
    return {"norm": norm, "count": number, "direction": direction, "change": p.get("file"), "array": p.get("array")}


def radii(section: Json) -> Json:
    """The radii of `[aubin]`, both, one or none of them given."""
    found: Json = {}
    for key in ("radius_u", "radius_w"):
        value = section.get(key)
        if value is not None and (not is_number(value, 0) or value == 0):
            raise Invalid(f"spec, aubin.{key}", f"{show(value)} is stated", "a number above 0 is needed")
        found[key] = None if value is None else float(value)
    return found


def window(section: Json, there: bool) -> float | None:
    """The radius of `[window]`, which has to be given; None without the section."""
    radius = section.get("radius")
    if there and (not is_number(radius, 0) or radius == 0):
        raise Invalid("spec, window.radius", f"{show(radius)} is stated", "a number above 0 is needed")
    return None if radius is None else float(radius)


def columns(value: object) -> tuple[int | str, ...] | None:
    """Numbers or names of the features that may move."""
    if value is None:
        return None
    if not isinstance(value, list) or not value or any(
            not (isinstance(v, str) and v or type(v) is int and v >= 0) for v in value):
        raise Invalid("spec, perturbation.columns", f"{show(value)} is stated", "a list of numbers or names is needed")
    return tuple(value)


def scale(value: object) -> dict[str, float] | None:
    """Units of features by number or name."""
    if value is None:
        return None
    if not isinstance(value, dict) or any(not is_number(v, least=0) or v == 0 for v in value.values()):
        raise Invalid("spec, perturbation.scale", f"{show(value)} is stated", "units above 0 by feature are needed")
    return {key: float(unit) for key, unit in value.items()}


def number_of(text: str) -> float | None:
    """The finite number a decimal text spells, or None; what Python alone reads, as `1_0`, is none.

    >>> number_of("20"), number_of("-1.5e-3"), number_of("nan"), number_of("1_0"), number_of(" 1")
    (20.0, -0.0015, None, None, None)
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def is_number(value: Any, least: float = -math.inf) -> bool:
    """Whether this is a finite number that a double holds exactly (an integer up to 2^53), from `least` on."""
    if type(value) is int:
        return abs(value) <= 2**53 and value >= least
    return type(value) is float and math.isfinite(value) and value >= least


def evaluation(section: Json, there: bool) -> Json:
    """The names in the section on evaluation rows; none without it."""
    if not there:
        return {}
    from certify.check.reading import head_spec

    return head_spec.section(section)


def head_rules(spec: Spec, quantities: set[str]) -> tuple[tuple[bool, str, object, str], ...]:
    """What the critical map, and evaluation rows, go with; nothing of it is wrong where neither is asked for."""
    asked = bool(quantities & {*PREDICTIONS, FIRST_ORDER}) or spec.map == "critical" or spec.parameter == "labels"
    if not asked and spec.evaluation is None and spec.direction is None:
        return ()
    from certify.check.reading import head_spec

    return head_spec.rules(spec, quantities)
