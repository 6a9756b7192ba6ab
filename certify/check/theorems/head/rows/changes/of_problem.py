"""The kind of change that a problem is about, from the words of its spec alone."""

from __future__ import annotations

from certify.check.reading.subject import Problem
from certify.check.theorems.head.rows.changes.base import DELETED, Labels, Rows
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.changes.given import GivenRows
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.check.theorems.head.rows.changes.new_rows import NewRows
from certify.check.theorems.head.rows.changes.pairs import Pairs
from certify.check.theorems.head.rows.codes import Codes, number_of
from certify.format.canonical import show
from certify.format.refusal import Invalid


def kind_of(problem: Problem, codes: Codes, relabels: bool) -> Rows | None:
    """What may happen to the rows; None: any `count` of those that may move change.

    Raises:
        Invalid: groups, pairs or stated rows that are none.
    """
    labels, kind, n = Labels(codes.label, len(codes.rows)), problem.kind, len(problem.moving)
    if problem.budget.single:
        if not relabels and n >= len(problem.features):
            raise Invalid("spec, perturbation.rows", f"{n} rows are left out", "one or more have to stay")
        return GivenRows(labels, _stated(problem, codes) if relabels else tuple((i, DELETED) for i in problem.moving))
    if kind is None or kind["relative"]:
        return None
    assert problem.count is not None
    count = min(problem.count, n)
    if groups := kind["together"]:
        if problem.count >= len(groups):
            raise Invalid("spec, perturbation.count", f"{problem.count} of {len(groups)} groups",
                          "fewer are needed, so that some stay")
        return Groups(labels, relabels, problem.count, groups)
    if kind["pairs"]:
        return _along(problem, codes, labels, kind["pairs"], count)
    if kind["fresh"]:
        return _new(problem, labels, kind["fresh"] == "replaced", kind["box"])
    relabelled: int = kind["relabelled"]
    if problem.count + relabelled > n:
        raise Invalid("spec, perturbation.relabelled", f"{relabelled} beside {problem.count}", f"{n} rows may change")
    return Both(labels, count, relabelled, problem.moving)


def _new(problem: Problem, labels: Labels, replaced: bool, box: tuple[tuple[float, float], ...]) -> NewRows:
    """New rows: in the stated box, or in the ranges of the data."""
    columns = [list(map(float, column)) for column in zip(*problem.features, strict=True)]
    ends = box or tuple((min(column), max(column)) for column in columns)
    if len(problem.layers) != 1 or problem.graph is not None or len(ends) != len(columns) or labels.codes != 2:
        raise Invalid("spec, perturbation.fresh",
                      f"{len(ends)} pairs, {labels.codes} labels, {len(problem.layers)} layers",
                      f"one layer, two labels and {len(columns)} pairs are needed")
    assert problem.count is not None
    return NewRows(labels, problem.count if replaced else 0, problem.count, problem.moving, tuple(a for a, _ in ends),
                   tuple(b for _, b in ends))


def _along(
    problem: Problem, codes: Codes, labels: Labels, stated: tuple[tuple[float, float], ...], count: int,
) -> Pairs:
    pairs = frozenset((number_of(problem, codes, a, "spec, perturbation.pairs"),
                       number_of(problem, codes, b, "spec, perturbation.pairs")) for a, b in stated)
    first = {a for a, _ in pairs}
    moving = tuple(i for i in problem.moving if labels.own[i] in first)
    if len(pairs) < len(stated) or any(a == b for a, b in pairs) or not moving:
        raise Invalid("spec, perturbation.pairs", show([list(pair) for pair in stated]),
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
