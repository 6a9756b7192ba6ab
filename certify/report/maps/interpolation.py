"""Interpolation in words: the weights that fit the training data exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from certify.certificate.schema import Problem
from certify.report.digits import count, upper_end
from certify.report.maps.solution_map import Described, Examined, Point, SolutionMap, Terms, nothing
from certify.report.phrases.parameters import PARAMETERS
from certify.report.statements import Entry, Phrase, code, say


def _lead(at: Examined) -> Phrase:
    """What has to be known before claims about a fit nearby are read."""
    if at.base.distance is None:
        return say("The claims would be about an exact fit of the targets in the data file, near the given weights. No "
                   "such fit was proved to exist.")  # fmt: skip
    return say(
        "“Today’s exact fit” stands for weights that give every training row exactly its target in the data file. They "
        "are proved to exist, within {d} of the given weights.",
        d=upper_end(at.base.distance, 3),
    )


def _given(at: Examined) -> Described:
    base = at.base
    first = say(
        "Trained weights hardly ever fit their targets exactly. The claims here use base {g}: the targets are the "
        "network’s own outputs on the training rows. The given weights are then an exact fit, at distance 0, and how "
        "they were trained plays no part.",
        g=code("given"),
    )
    second = say("The price is a shift of the targets, away from those in the data file:")
    if base.residual is None:
        missing = "The data file holds no numeric targets to compare with, so the size of the shift cannot be stated."
        second = say(missing)
    entries = []
    if base.residual is not None:
        entries.append(Entry("length of the whole shift", say("at most {r}", r=upper_end(base.residual))))
    if base.shift_worst is not None:
        where = "" if base.shift_worst_row is None else f", at row {base.shift_worst_row}"
        entries.append(Entry("largest shift of one row", say("at most {r}{w}", r=upper_end(base.shift_worst), w=where)))
    entries.append(Entry("distance to the exact fit", say("{d}", d=upper_end(base.distance or 0.0))))
    return (first, second), tuple(entries)


def _nearby(at: Examined) -> Described:
    base = at.base
    first = say(
        "Trained weights hardly ever fit their targets exactly. The claims here use base {n}: the targets stay those "
        "in the data file, and the claims are about weights close to the given ones that fit them exactly.",
        n=code("nearby"),
    )
    misfit = () if base.residual is None else (
        Entry("misfit of the given weights", say("length at most {r}", r=upper_end(base.residual))),
    )  # fmt: skip
    if base.distance is None:
        second = say("That there are such weights was not proved.")
        return (first, second), misfit
    second = say(
        "Nobody knows these weights digit for digit. A small ball is known that holds them (theorem Q2; its centre "
        "is in the side file), and every claim was proved for the whole ball."
    )
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance)))
    radius = () if base.radius is None else (
        Entry("radius of the ball", say("at most {r}", r=upper_end(base.radius))),
    )  # fmt: skip
    return (first, second), (*misfit, where, *radius)


class Interpolation(SolutionMap):
    """Exact fits."""

    points = {
        "given": Point(False, "these weights", "the given weights", "", "",
                       "the output that the given network gives today", nothing, _given),
        "nearby": Point(True, "today’s exact fit", "the exact fit examined", ", from an exact fit nearby,",
                        ", at an exact fit that theorem Q2 proves", "the target in the data file", _lead, _nearby),
    }
    exist, lie = "exists", "lies"
    closest = kind = "exact fit"
    no_upper = "No upper end was proved: there may be no exact fit nearby at all."

    def solution(self, problem: Problem) -> str:
        """What a claim says to exist."""
        return "a network that fits the moved data exactly"

    def nearest(self, problem: Problem) -> str:
        """That the nearest fit lies somewhere."""
        return "the nearest exact fit lies"

    def unbounded(self, problem: Problem, origin: str) -> str:
        """What is said where neither end of a modulus was proved; a fit nearby may not exist."""
        if self.point(problem).nearby:
            return "no bound was proved on how far from an exact fit of today’s data the nearest one of the moved " \
                   "data lies."
        return super().unbounded(problem, origin)

    def meaning(self, at: Examined) -> tuple[str, Mapping[str, Phrase | str]]:
        """What an exact fit is."""
        what = self.point(at.problem).means + PARAMETERS[at.problem.parameter].target
        return "“Fits exactly” means: gives, on every training row, {what}. ", {"what": what}

    def facts(self, problem: Problem) -> Terms:
        """The equations, for a table."""
        equations = f"{count(problem.equations)} (rows × outputs), in {count(problem.parameters)} parameters"
        return [("equations", equations), ("solution map", f"{problem.map}, base {problem.base}")]

    def terms(self) -> Terms:
        """The terms that only a report on exact fits uses."""
        return [
            ("exact fit (interpolation)", "the network gives exactly the target value on every training row"),
            ("solution map S", "the set of all weights that fit exactly, as it depends on the training data"),
        ]

    def late_terms(self) -> Terms:
        """The matrix behind the bounds."""
        return [("tangent kernel K", "the matrix of inner products of the outputs’ derivatives with respect to the "
                 "weights, over all pairs of rows")]

    def scope(self, problem: Problem, quantities: Collection[str], near: bool, found: bool) -> Terms:
        """What is not claimed of exact fits."""
        point = self.point(problem)
        entries = not_found(point, "exact fits exist", "exact fits") if near else []
        if point.nearby and found:
            entries.append(("The closest exact fit", "Today’s exact fit lies within the distance given; that no other "
                            "lies closer to the given weights is not claimed."))
        return entries


def not_found(point: Point, exist: str, solutions: str) -> Terms:
    """That nothing is claimed of what training finds, nor of solutions far away; of many there are."""
    return [
        ("What training would find",
         f"The claims are about which {exist}. Whether a training procedure, run again on the moved data, ends near "
         "any of them is another question."),
        ("Other solutions", f"In general there are infinitely many {solutions}. The claims concern those closest to "
         f"{point.others}, not all of them."),
    ]
