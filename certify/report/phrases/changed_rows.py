"""What changed rows do to predictions: which are flipped and by which rows, and which are undecided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

from certify.certificate.schema import Certificate, Claim, Problem
from certify.format.labels import CORRECT
from certify.report.digits import count
from certify.report.phrases.functionals import called, is_functional, kept
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.row_kinds import condition, most_rows
from certify.report.statements import Changed, Flip, Phrase, Predicted, say

NONE = -1


class Data(Protocol):
    """The data behind a certificate: :class:`certify.report.files.row_data.RowData`."""

    def right(self) -> Any:
        """Whether every evaluation row's label is the right one today; None where that is not known."""
        ...

    def predictions(self, start: str, flips: Sequence[Flip], undecided: Sequence[int]) -> tuple[Predicted, ...]:
        """Every evaluation row."""
        ...


def find_changed(opened: Certificate, rows: Data | None = None) -> tuple[Changed, ...]:
    """One for each enclosure whose certificate lists the rows; two gates on it are one.

    Args:
        opened: the certificate.
        rows: the data behind it, where rows of it are to be shown.
    """
    first = {(tuple(claim.witness.flipped), tuple(claim.witness.undecided or ())): claim
             for claim in reversed(opened.claims) if claim.witness.flipped is not None}
    return tuple(_changed(claim, opened.problem, rows) for claim in reversed(first.values()))


def changes_of(claim: Claim) -> list[list[int]]:
    """The training rows of the change that flips each flipped evaluation row."""
    flipped, rows = claim.witness.flipped or [], claim.witness.changed or []
    width = len(rows) // max(len(flipped), 1)
    return [[row for row in rows[a * width : (a + 1) * width] if row != NONE] for a in range(len(flipped))]


def disagreement(claim: Claim, problem: Problem) -> str:
    """Where the lists of rows contradict the ends of their claim or the problem, in words; empty where they agree."""
    flipped, undecided = claim.witness.flipped or [], claim.witness.undecided or []
    if None in (claim.witness.flipped, claim.witness.undecided, claim.witness.changed):
        return "flipped, undecided and changed are set together"
    rows, N = claim.witness.changed or [], problem.evaluation_rows or 0
    lower, upper = claim.lower or 0, N if claim.upper is None else claim.upper
    if any(a >= b for some in (flipped, undecided) for a, b in pairwise(some)) or {*flipped} & {*undecided} or (
            max([*flipped, *undecided], default=-1) >= N):
        return "evaluation rows are not listed once, in their order"
    if claim.quantity == CORRECT:
        if upper - lower > len(undecided) or upper > N - len(flipped):
            return f"{len(flipped)} flipped and {len(undecided)} undecided rows do not leave room for the ends"
    elif (len(flipped), len(undecided)) != (N - upper, upper - lower):
        return f"{len(flipped)} flipped and {len(undecided)} undecided rows do not give the ends"
    if len(rows) % len(flipped) if flipped else rows:
        return "a line of rows for each flipped one is needed"
    moving, most = range(problem.n) if problem.rows == "all" else {*problem.rows}, most_rows(problem)
    for change in changes_of(claim):
        if any(a >= b for a, b in pairwise(change)) or any(row not in moving for row in change) or (
                most is not None and len(change) > most):
            return f"rows {change} are no change that is asked about"
    return ""


def _changed(claim: Claim, problem: Problem, data: Data | None) -> Changed:
    several, one = PARAMETERS[problem.parameter].whole
    changes = changes_of(claim)
    flips = tuple(Flip(row, tuple(change), problem.fresh is not None)
                  for row, change in zip(claim.witness.flipped or (), changes, strict=True))
    undecided = tuple(claim.witness.undecided or ())
    rows = problem.evaluation_rows or 0
    stay = rows - len(flips) - len(undecided)
    some = f"at most {count(problem.count or 0)} training rows {several}" if problem.count != 1 else (
        f"any one training row {one}")
    kind, those = condition(problem), "Of the {rows} evaluation rows {stay} keep today’s label "
    if is_functional(problem):
        those = f"Of the {{rows}} {called(problem).many} {{stay}} keep today’s {kept(problem)} "
    summary = say(those + "whenever {some}, whichever they are.", rows=count(rows), stay=count(stay), some=some)
    if kind:
        summary = say(those + "when {kind}.", rows=count(rows), stay=count(stay), kind=kind)
    if problem.relabelled is not None:
        several, one = "are left out or get other labels", "is left out or gets another label"
    if problem.fresh is not None:
        several, one = ("join", "joins") if problem.fresh.rows == "added" else (
            "are left out and new ones join", "is left out and a new one joins")
    return Changed(
        stay=stay, undecided=undecided, flips=flips, verbs=(several, one),
        summary=summary,
        often=_often(changes), count=problem.count or 1,
        predictions=() if data is None else data.predictions(claim.witness.array or "", flips, undecided),
        accuracy=() if data is None else _accuracy(data, flips, undecided), called=called(problem),
        both=problem.relabelled is not None,
    )


def _accuracy(data: Data, flips: Sequence[Flip], undecided: Sequence[int]) -> Phrase:
    """How many labels of the file are met today and under every change; nothing where the file has none."""
    right = data.right()
    if right is None:
        return ()
    today = int(right.sum())
    lost, open_ = (sum(bool(right[i]) for i in some) for some in ([flip.row for flip in flips], undecided))
    least, most = today - lost - open_, today - lost
    template = "Today {today} of the {rows} labels are those in the file. Whatever the change, "
    template += "{least} stay so, proved" if least == most else "between {least} and {most} stay so, proved"
    return say(template + " ({share} of all rows).", today=count(today), rows=count(len(right)), least=count(least),
               most=count(most), share=_share(least, len(right)) + (
                   f" to {_share(most, len(right))}" if least < most else ""))


def _share(some: int, rows: int) -> str:
    """A share in percent, cut off, not rounded.

    >>> _share(133, 143)
    '93.0 %'
    """
    return f"{1000 * some // rows / 10} %"


def _often(changes: Sequence[Sequence[int]]) -> Phrase:
    """The training row that stands in most changes, where one stands in several."""
    times = Counter(row for change in changes for row in change)
    if not times or max(times.values()) < 2:
        return ()
    row, most = min(times.items(), key=lambda item: (-item[1], item[0]))
    return say("Training row {row} takes part in {most} of these {all} changes, as many as any other row or more.",
               row=row, most=count(most), all=count(len(changes)))
