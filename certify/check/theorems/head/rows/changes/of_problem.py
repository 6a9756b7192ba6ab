"""The kind of change that a problem is about, from the words of its spec alone."""

from __future__ import annotations

from certify.check.reading.subject import Problem
from certify.check.theorems.head.rows.changes.base import DELETED, Labels, Rows
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.changes.given import GivenRows
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.check.theorems.head.rows.changes.pairs import Pairs
from certify.check.theorems.head.rows.codes import Codes, number_of
from certify.format.canonical import show
from certify.format.refusal import Invalid

PARTS = ("together", "relabelled", "pairs")


def kind_of(problem: Problem, codes: Codes) -> Rows | None:
    """What may happen to the rows; None: any `count` of those that may move change.

    Raises:
        Invalid: groups, pairs or stated rows that are none.
    """
    labels, relabels = Labels(codes.label, len(codes.rows)), problem.parameter == "labels"
    stated = [part for part in PARTS if getattr(problem, part)]
    if len(stated) > 1:
        raise Invalid("spec, perturbation", f"{' and '.join(stated)} are stated", "one of them is needed")
    if problem.budget.single:
        return GivenRows(labels, _stated(problem, codes) if relabels else tuple((i, DELETED) for i in problem.moving))
    assert problem.count is not None
    count = min(problem.count, len(problem.moving))
    if problem.together:
        if problem.count >= len(problem.together):
            raise Invalid("spec, perturbation.count", f"{problem.count} of {len(problem.together)} groups",
                          "fewer are needed, so that some stay")
        return Groups(labels, relabels, count, problem.together)
    if problem.relabelled is not None:
        if problem.count + problem.relabelled > len(problem.moving):
            raise Invalid("spec, perturbation.relabelled", show(problem.relabelled),
                          f"with {problem.count} deleted at most {len(problem.moving)} rows may change")
        return Both(labels, count, problem.relabelled, problem.moving)
    if problem.pairs:
        return _along(problem, codes, labels, count)
    return None


def _along(problem: Problem, codes: Codes, labels: Labels, count: int) -> Pairs:
    pairs = frozenset((number_of(problem, codes, a, "spec, perturbation.pairs"),
                       number_of(problem, codes, b, "spec, perturbation.pairs")) for a, b in problem.pairs)
    first = {a for a, _ in pairs}
    moving = tuple(i for i in problem.moving if labels.own[i] in first)
    if len(pairs) < len(problem.pairs) or any(a == b for a, b in pairs) or not moving:
        raise Invalid("spec, perturbation.pairs", show([list(pair) for pair in problem.pairs]),
                      "different pairs of different labels are needed, one of which a row has")
    return Pairs(labels, count, moving, pairs)


def _stated(problem: Problem, codes: Codes) -> tuple[tuple[int, int], ...]:
    """Every listed row with its new label."""
    assert problem.change is not None
    found = []
    for row in problem.moving:
        (new,) = problem.change[row]
        code = number_of(problem, codes, float(new), f"change file, row {row}")
        if code == codes.label[row]:
            raise Invalid(f"change file, row {row}", f"label {float(new)} is stated", "another than its own is needed")
        found.append((row, code))
    return tuple(found)
