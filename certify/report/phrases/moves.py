"""Who moves, and how a move is measured, as parts of sentences."""

from __future__ import annotations

from certify.certificate.schema import Problem
from certify.report.digits import count
from certify.report.phrases.listing import in_units, named_rows, still_features
from certify.report.phrases.norms import NORMS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.row_kinds import condition, most_rows
from certify.report.phrases.sets import SETS


def small_move(problem: Problem, alone: bool) -> str:
    """A small move of size δ as the condition of a sentence."""
    row = PARAMETERS[problem.parameter]
    counted = ("" if row.one_number else NORMS[problem.norm].counted) + in_units(problem)
    kind = SETS[problem.set]
    return kind.moving(problem, alone, kind.small + counted, f"by a small amount δ{counted}")


def mover(problem: Problem) -> str:
    """The move, as large as it may be, as the condition of a sentence."""
    return SETS[problem.set].mover(problem) if PARAMETERS[problem.parameter].sized else _whole(problem)


def _whole(problem: Problem) -> str:
    """A change without a size as the condition of a sentence."""
    if kind := condition(problem):
        return kind
    listed = "" if problem.rows == "all" else f" of the {count(len(problem.rows))} listed ones"
    several, one = PARAMETERS[problem.parameter].whole
    if problem.count == 1:
        return f"at most one training row{listed} {one}, whichever it is"
    some = f"at most {count(problem.count)}" if problem.count else "any number of"
    return f"{some} training rows{listed} {several}, whichever they are"


def shared(problem: Problem) -> str:
    """How a budget is shared by the rows that move: a word to follow its size, or nothing where one row moves."""
    one = problem.rows != "all" and len(problem.rows) == 1
    return "" if one else f" {SETS[problem.set].shared}"


def what_moves(problem: Problem) -> str:
    """What may move, for a table."""
    rows = "every row" if problem.rows == "all" else named_rows(problem.rows)
    still = still_features(problem)
    row = PARAMETERS[problem.parameter]
    if problem.fresh is not None:
        return "no row that is there: new ones join" if problem.fresh.rows == "added" else (
            f"{rows}, left out or not, and new ones in their place")
    if problem.relabelled is not None:
        return f"{rows}, left out, with another label, or neither"
    return row.where.format(noun=row.noun, rows=rows) + (f", without {still}" if still else "")


def size_of_move(problem: Problem) -> str:
    """What δ is, for a table."""
    row = PARAMETERS[problem.parameter]
    if row.sized:
        return SETS[problem.set].size(problem)
    said, most = row.sizeless[0], most_rows(problem)
    if problem.fresh is not None:
        said = "a row has no size: it joins or not" if problem.fresh.rows == "added" else (
            "a row has no size: it stays, or is left out and a new one joins")
    elif problem.relabelled is not None:
        said = "a change has no size: a row is left out, gets another label, or stays"
    return said + ("" if most is None else f"; at most {most} row{'s' * (most != 1)}")
