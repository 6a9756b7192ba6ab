"""What a test asks about a model: how many predictions stay, or stay right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from certify.testing.measured import Measured, Undecided, fails

if TYPE_CHECKING:
    from certify.problem.problem import Problem
    from certify.prove.rows import StablePredictions

SHOWN = 10


@dataclass(frozen=True, eq=False)
class Asked:
    """A model and rows to predict.

    Attributes:
        problem: the model with its training data, as of :func:`certify.from_sklearn`.
        X: `(N, d)` rows to predict.
        y: their right labels, where :meth:`correct` is asked.
        undecided: what to do where a comparison is not decided.
        options: of every question, as of :func:`certify.stable_predictions`, e.g. ``seconds``; one of a question's own
            goes before them.
    """

    problem: Problem
    X: Any
    y: Any = None
    undecided: Undecided = fails
    options: Mapping[str, Any] = field(default_factory=dict)

    def stable(self, *, delete: int | Sequence[int] | None = None, relabel: int | Mapping[int, Any] | None = None,
               **options: Any) -> Measured:
        """How many predictions stay under every such change; options as of :func:`certify.stable_predictions`."""
        found = self._found(delete, relabel, options)
        return Measured(f"predictions that stay, {found.change.words}, of {len(found.survey.status)}", found.lower,
                        found.upper, _lines(found), self.undecided)

    def correct(self, *, delete: int | Sequence[int] | None = None, relabel: int | Mapping[int, Any] | None = None,
                **options: Any) -> Measured:
        """How many labels are right and stay right under every such change.

        Raises:
            InputError: there are no right labels.
        """
        from certify.format.errors import InputError

        if self.y is None:
            raise InputError("correct", "no right labels", "give them: certify(problem, X, y)")
        found = self._found(delete, relabel, options)
        accuracy = found.accuracy(self.y)
        lost = accuracy.lost.tolist()
        lines = (f"lost: evaluation rows {', '.join(map(str, lost[:SHOWN]))}{', …' * (len(lost) > SHOWN)}",) if lost \
            else ()
        # of rows that are neither right today nor known to be wrong nothing is decided
        return Measured(f"right labels that stay right, {found.change.words}, of {accuracy.rows}", len(accuracy.kept),
                        round(accuracy.upper * accuracy.rows), (*lines, *_lines(found)), self.undecided)

    def _found(self, delete: Any, relabel: Any, options: dict[str, Any]) -> StablePredictions:
        from certify.prove.rows import stable_predictions

        return stable_predictions(self.problem, self.X, delete=delete, relabel=relabel,
                                  **{**self.options, **options})


def _lines(found: StablePredictions) -> tuple[str, ...]:
    """The predictions that flip with the rows that flip them, those that are undecided, and why."""
    lines, already = list[str](), set(found.already.tolist())
    for i in found.attacked[:SHOWN].tolist():
        witness = found.witness(i)
        rows = () if witness is None else witness.rows
        by = f" by training row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))}" if rows else (
            " already when trained to the end on today's data" if i in already else "")
        lines.append(f"evaluation row {i} flips{by}")
    if len(found.attacked) > SHOWN:
        lines.append(f"{len(found.attacked) - SHOWN} other evaluation rows flip")
    if len(found.undecided):
        those = ", ".join(map(str, found.undecided[:SHOWN].tolist()))
        lines.append(f"undecided: evaluation rows {those}{', …' * (len(found.undecided) > SHOWN)}")
        lines += found.reasons
    return tuple(lines)
