"""Who moves, and how a move is measured, as parts of sentences."""

from __future__ import annotations

from collections.abc import Sequence

from certify.certificate.schema import Problem
from certify.report.digits import as_given, count
from certify.report.statements import prose

NOUN = {"features": "features", "targets": "targets", "sample_weights": "sample weights", "labels": "labels"}
LISTED, LONGEST = 12, 40


def moving(problem: Problem, alone: bool, several: str, one: str) -> str:
    """The move as the condition of a sentence.

    Args:
        problem: the problem.
        alone: whether one row moves and all others stay.
        several: what follows the verb where several rows move, e.g. ``"by a small amount δ in total"``.
        one: what follows the verb where one row moves.
    """
    weights = problem.parameter == "sample_weights"
    verb, verbs, noun = ("change", "changes", "sample weight") if weights else ("move", "move", NOUN[problem.parameter])
    verb, verbs = ("fall", "falls") if problem.direction else (verb, verbs)
    number = None if problem.rows == "all" else len(problem.rows)
    if number == 1 and problem.rows != "all":
        return f"the {noun} of training row {problem.rows[0]} {verbs} {one}"
    rows = "training row" if number is None else f"of the {count(number)} listed training rows"
    if alone:
        return f"the {noun} of any one {rows} {verbs} {one} while all others stay"
    if problem.set == "per_sample":
        return f"the {noun} of every {'one ' if number else ''}{rows} {verbs} {several}"
    if number is None:
        return f"the {'sample weights' if weights else f'training {noun}'} {verb} {several}"
    return f"the {NOUN[problem.parameter]} {rows} {verb} {several}"


def small_move(problem: Problem, alone: bool) -> str:
    """A small move of size δ as the condition of a sentence."""
    counted = measured(problem) + in_units(problem)
    several = "by a small amount, at most δ each" if problem.set == "per_sample" else "by a small amount δ in total"
    return moving(problem, alone, several + counted, f"by a small amount δ{counted}")


def measured(problem: Problem) -> str:
    """That δ is not a Euclidean length, in brackets; nothing where it is, or where a row has one number."""
    if problem.parameter == "sample_weights":
        return ""
    return {1: " (the sum of absolute changes)", "inf": " (the largest absolute change)"}.get(problem.norm, "")


def in_units(problem: Problem) -> str:
    """That sizes are counted in the units of the features, where these are not all 1; between commas."""
    return ", counted in the units of the features" if any(unit not in (0, 1) for unit in problem.scale or ()) else ""


def shared(problem: Problem) -> str:
    """How a budget is shared by the rows that move: a word to follow its size, or nothing where one row moves."""
    if problem.rows != "all" and len(problem.rows) == 1:
        return ""
    return " each" if problem.set == "per_sample" else " in total"


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


def what_moves(problem: Problem) -> str:
    """What may move, for a table."""
    rows = "every row" if problem.rows == "all" else named_rows(problem.rows)
    still = still_features(problem)
    return f"the {NOUN[problem.parameter]} of {rows}{f', without {still}' if still else ''}"


def size_of_move(problem: Problem) -> str:
    """What δ is, for a table."""
    units = in_units(problem).replace("counted ", "")
    weights = problem.parameter == "sample_weights"
    if problem.parameter == "labels":
        most = "" if problem.count is None else f"; at most {problem.count} rows"
        return f"a label has no size: it becomes any other{most}"
    if problem.set == "given":
        return "Euclidean length of the change in the file"
    if problem.set in ("per_sample", "sparse"):
        length = {1: "sum of absolute changes (norm 1)", "inf": "largest absolute change (norm inf)"}.get(problem.norm)
        one = f"the {length or 'Euclidean length'} of the move"
        one = f"the {'fall' if problem.direction else 'change'} of the sample weight" if weights else one
        units += f"; at most {problem.count} rows move" if problem.set == "sparse" else ""
        return f"the largest over the rows that may move, of each row {one}{units}"
    if weights:
        return "Euclidean length of all changes together"
    counted = ", equal rows counted once" if problem.merge_duplicates and problem.groups else ""
    return f"Euclidean length over all rows that may move, together{counted}{units}"


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


def still_features(problem: Problem) -> str:
    """The features that may not move, in words; empty where all may."""
    still = _still(problem)
    return _features(problem, still) if still else ""


def _still(problem: Problem) -> list[int]:
    return [feature for feature, unit in enumerate(problem.scale or ()) if not unit]


def _features(problem: Problem, numbers: list[int]) -> str:
    """Features by number, with their names where the data has names."""
    names = problem.names
    labels = [str(j) if names is None else f"{j} “{prose(names[j][:LONGEST])}”" for j in numbers]
    return f"feature{'s' * (len(numbers) != 1)} {listing(labels)}"


def mover(problem: Problem) -> str:
    """The move as the condition of a sentence."""
    weights = problem.parameter == "sample_weights"
    noun, verb = NOUN[problem.parameter], "change" if weights else "move"
    verb = "fall" if problem.direction else verb
    if problem.parameter == "labels":
        listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
        if problem.count == 1:
            return f"at most one training row{listed} gets another label, whichever it is"
        some = f"at most {count(problem.count)}" if problem.count else "any number of"
        return f"{some} training rows{listed} get other labels, whichever they are"
    if problem.set == "given":
        return f"the {'' if weights else 'training '}{noun} {verb} by the change in the file"
    size = as_given(problem.radius or 0.0).text + in_units(problem)
    if problem.set == "sparse":
        most = count(problem.count or 0)
        listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
        rows = f"training row{'s' * (problem.count != 1)}"
        return f"the {noun} of at most {most} {rows}{listed} {verb}, by at most {size} each"
    several = f"by at most {size} each" if problem.set == "per_sample" else f"by at most {size} in total"
    return moving(problem, False, several, f"by at most {size}")
