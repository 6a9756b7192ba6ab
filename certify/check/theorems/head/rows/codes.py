"""The targets that labels stand for, and every row's own (D1)."""

from __future__ import annotations

from dataclasses import dataclass

from certify.check.reading.subject import Problem
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Codes:
    """What a label may become.

    Attributes:
        rows: the targets of every label, ascending; empty where targets are no labels.
        label: number of every row's own; empty likewise.
        targets: of every row, as the loss takes them.
    """

    rows: list[list[float]]
    label: list[int]
    targets: list[list[float]]


def codes_of(problem: Problem, relabels: bool) -> Codes:
    """Labels of a problem by its loss: −1 and 1, unit vectors, or the distinct targets of the squared loss."""
    return _BY_LOSS[problem.loss](problem, relabels)


def _logistic(problem: Problem, relabels: bool) -> Codes:
    assert problem.labels is not None
    number = [int(y > 0) for y in problem.labels]
    rows = [[-1.0], [1.0]]
    return Codes(rows, number, [rows[c] for c in number])


def _classes(problem: Problem, relabels: bool) -> Codes:
    if problem.labels is None:
        raise Invalid("data.targets", "they are rows of probabilities", "labels are needed where rows change")
    k, number = problem.outputs, [int(y) for y in problem.labels]
    rows = [[float(a == b) for a in range(k)] for b in range(k)]
    return Codes(rows, number, [rows[c] for c in number])


def _reals(problem: Problem, relabels: bool) -> Codes:
    """Where labels change the targets are codes: of one output two numbers, of several rows that mark one output."""
    assert problem.targets is not None
    targets = [[float(v) for v in row] for row in problem.targets]
    if not relabels:
        return Codes([], [], targets)
    rows = sorted({tuple(row) for row in targets})
    marks = all(sorted(row)[:-1] == [low] * (len(row) - 1) and max(row) == 1.0
                for row in rows for low in [min(row)]) and all(min(row) in (0.0, -1.0) for row in rows)
    lows = {min(row) for row in rows}
    if len(rows) < 2 or (len(rows[0]) == 1 and len(rows) > 2) or (len(rows[0]) > 1 and not (marks and len(lows) == 1)):
        raise Invalid("data.targets", f"they have {len(rows)} distinct rows",
                      "labels are needed: two numbers of one output, or rows that each mark one of several outputs")
    at = {row: number for number, row in enumerate(rows)}
    return Codes([list(row) for row in rows], [at[tuple(row)] for row in targets], targets)


def _against(problem: Problem, relabels: bool) -> Codes:
    """1 at the class and −1 at every other; of one output −1 and 1."""
    if problem.outputs == 1:
        return _logistic(problem, relabels)
    found = _classes(problem, relabels)
    rows = [[2.0 * v - 1.0 for v in row] for row in found.rows]
    return Codes(rows, found.label, [rows[c] for c in found.label])


def _numbers(problem: Problem, relabels: bool) -> Codes:
    if relabels:
        raise Invalid("training.loss", f"the targets of {problem.loss} are numbers", "labels are needed to change them")
    return _reals(problem, relabels)


def _amounts(problem: Problem, relabels: bool) -> Codes:
    """Numbers above 0: with others the loss is not convex, or has no least."""
    found = _numbers(problem, relabels)
    least = min(v for row in found.targets for v in row)
    if not least > 0:
        raise Invalid("data.targets", f"one of them is {least}", "amounts above 0 are needed")
    return found


_BY_LOSS = {"logistic": _logistic, "cross_entropy": _classes, "squared": _reals, "one_vs_rest": _against,
            "squared_hinge": _against, "huber": _numbers, "poisson": _numbers, "gamma": _amounts}


def number_of(problem: Problem, codes: Codes, label: float, where: str) -> int:
    """The number of the code that a label of the data stands for.

    Raises:
        Invalid: there is no such label.
    """
    for number, known in enumerate(_names(problem, codes)):
        if known == label:
            return number
    raise Invalid(where, f"label {label} is stated", f"the labels are {sorted(_names(problem, codes))}")


def _names(problem: Problem, codes: Codes) -> list[float]:
    """What the data calls each: −1 or 0 and 1, the number of a class or of the output that is marked, or the target."""
    if problem.labels is not None and len(codes.rows[0]) == 1:
        return [-1.0 if -1.0 in problem.labels else 0.0, 1.0]
    if len(codes.rows[0]) == 1:
        return [row[0] for row in codes.rows]
    return [float(row.index(max(row))) for row in codes.rows]
