"""Rows and features by number, and the units in which moves of features are counted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from certify.certificate.schema import Problem
from certify.format.words import Loss
from certify.report.digits import as_given
from certify.report.statements import prose

LISTED, LONGEST = 12, 40


def in_units(problem: Problem) -> str:
    """That sizes are shares of targets, or in the units of the features where these are not all 1; after a comma."""
    if problem.relative:
        return ", as a share of the size of that target"
    return ", counted in the units of the features" if any(unit not in (0, 1) for unit in problem.scale or ()) else ""


def listing(rows: Sequence[int | str]) -> str:
    """Row numbers, or names; of many the first few.

    >>> listing([3, 4]), listing(list(range(20)))
    ('3, 4', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 others')
    """
    shown = ", ".join(map(str, rows[:LISTED]))
    return shown if len(rows) <= LISTED else f"{shown} and {len(rows) - LISTED} others"


def named_rows(rows: list[int]) -> str:
    """The listed rows by number."""
    return f"row{'s' * (len(rows) != 1)} {listing(rows)}"


def units(problem: Problem) -> str:
    """The unit of each feature, for a table; empty where all are 1."""
    if problem.scale is None:
        return ""
    values: dict[float, list[int]] = {}
    for feature, unit in enumerate(problem.scale):
        if unit:
            values.setdefault(unit, []).append(feature)
    parts = [f"{as_given(unit).text} for {_features(problem, where)}" for unit, where in list(values.items())[:LISTED]]
    if len(values) > LISTED:
        parts.append(f"{len(values) - LISTED} other units for the rest")
    still = still_features(problem)
    parts += [f"{still} may not move"] if still else []
    return "; ".join(parts)


def named(problem: Problem) -> str:
    """What the features are called, and what made them, for a table; empty where nothing says either."""
    behind = "" if problem.about is None or problem.about.behind is None else (
        f"as they are after {prose(problem.about.behind)}")
    if problem.called is None:
        return behind
    return listing([f"“{prose(name[:LONGEST])}”" for name in problem.called]) + (behind and f", {behind}")


def labelled(problem: Problem) -> str:
    """What the labels are called, by what they are, for a table; empty where the spec has no words."""
    words = [f"“{prose(word[:LONGEST])}”" for word in problem.labels or ()]
    if not words or problem.outputs > 1:
        return "; ".join(f"output {number}: {word}" for number, word in enumerate(words[:LISTED])) + (
            f"; {len(words) - LISTED} others" if len(words) > LISTED else "")
    parts = as_given(problem.threshold).text if problem.threshold is not None else "0"
    return f"{words[0]}: the output is below {parts}{_probable(problem)}; {words[1]}: it is above"


def _probable(problem: Problem) -> str:
    """What a threshold of log-odds is as a probability; empty where there is none."""
    if problem.threshold is None or not Loss(problem.loss).one_output:
        return ""
    small = math.exp(-abs(float(problem.threshold)))
    share = (1.0 if problem.threshold >= 0 else small) / (1.0 + small)
    return f" (log-odds; probability {share:.3g})"


def still_features(problem: Problem) -> str:
    """The features that may not move, in words; empty where all may."""
    still = _still(problem)
    return _features(problem, still) if still else ""


def _still(problem: Problem) -> list[int]:
    return [feature for feature, unit in enumerate(problem.scale or ()) if not unit]


def _features(problem: Problem, numbers: list[int]) -> str:
    """Features by number, with their names where the data has names."""
    names = problem.called
    labels = [str(j) if names is None else f"{j} “{prose(names[j][:LONGEST])}”" for j in numbers]
    return f"feature{'s' * (len(numbers) != 1)} {listing(labels)}"
