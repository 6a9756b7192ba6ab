"""Changes of whole rows that are not of any rows, each by itself: these, groups, along pairs of labels, two kinds."""

from __future__ import annotations

from certify.certificate.schema import Problem
from certify.format.words import Parameter, Set
from certify.report.digits import count
from certify.report.phrases.parameters import PARAMETERS
from certify.report.statements import prose

GROUPS = "groups"
"""What an audit calls the numbers of groups whose names are no numbers: it says nothing more."""


def condition(problem: Problem) -> str:
    """What happens to the rows, as the condition of a sentence; empty where any rows change, each by itself."""
    parameter, row = Parameter(problem.parameter), PARAMETERS[problem.parameter]
    if not parameter.discrete:
        return ""
    listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
    if not Set(problem.set).sized:
        return _given(problem, row.whole[0], row.whole[1])
    most = problem.count or 0
    if problem.grouped is not None:
        by = "" if problem.grouped.by == GROUPS else f" (by {prose(problem.grouped.by)})"
        kept = f"the {count(problem.grouped.groups)} groups of training rows{by}"
        some, they = ("one", "it is") if most == 1 else (count(most), "they are")
        if parameter.leaves:
            return f"all rows of at most {some} of {kept} are left out, whichever {they}"
        return f"any rows of at most {some} of {kept} get any other labels, whichever {they}"
    if problem.relabelled is not None:
        return (f"at most {count(most)} training row{'s' * (most != 1)}{listed} {row.whole[most == 1]} and at most "
                f"{count(problem.relabelled)} other{'s' * (problem.relabelled != 1)} "
                f"{PARAMETERS[Parameter.LABELS].whole[problem.relabelled == 1]}, whichever they are")
    if problem.fresh is not None:
        box = "the ranges of the training rows" if problem.fresh.box is None else "the stated box"
        verb = "join" if most != 1 else "joins"
        out = f"at most {count(most)} training row{'s' * (most != 1)}{listed} {row.whole[most == 1]} and " if (
            problem.fresh.rows == "replaced") else ""
        return (f"{out}at most {count(most)} new row{'s' * (most != 1)} {verb}, with any features within {box} and any "
                "labels")
    if problem.pairs is not None:
        along = ", ".join(f"{a:g} to {b:g}" for a, b in problem.pairs)
        return (f"at most {count(most)} training row{'s' * (most != 1)}{listed} {row.whole[most == 1]}, from {along} "
                f"alone, whichever {'it is' if most == 1 else 'they are'}")
    return ""


def _given(problem: Problem, several: str, one: str) -> str:
    n = problem.n if problem.rows == "all" else len(problem.rows)
    if n == 1 and problem.rows != "all":
        return f"training row {problem.rows[0]} {one}"
    return f"these {count(n)} training rows {several}, and no others"


def most_rows(problem: Problem) -> int | None:
    """How many rows change at most; None: as many as may."""
    if problem.count is None:
        return None
    return problem.count * (problem.grouped.largest if problem.grouped else 1) + (problem.relabelled or 0)
