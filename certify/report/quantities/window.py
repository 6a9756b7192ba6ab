"""How far sets of exact fits lie apart within a ball, after one change: one way (excess) and both (Hausdorff)."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, lower_end, upper_end
from certify.report.glance.scales import lengths
from certify.report.phrases.moves import mover
from certify.report.phrases.network import alone
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS, Quantity, Terms
from certify.report.statements import Phrase, Rows, say


@dataclass(frozen=True)
class _Ways:
    """Which set is measured from which.

    Attributes:
        which, other: whose data the fits in the window fit, and those they are measured from.
        far: that one lies far from all of the others.
        none: what is said where no fit lies in the window; empty where that does not settle it.
    """

    which: str
    other: str
    far: str
    none: str = ""

    def sentence(self, claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
        """How far fits in the window lie from the other set."""
        lower, upper, layer = claim.lower, claim.upper, alone(problem)
        if self.none and upper == 0:
            template = f"no network{layer} that fits {self.which} data exactly lies within {{window}} of these "
            template += f"weights. {self.none}"
        elif upper is None and not lower:
            template = f"no bound was proved on how far networks{layer} within {{window}} of these weights that fit "
            template += f"{self.which} data exactly lie from those that fit {self.other}."
        elif upper is None:
            template = f"{self.far}{layer}. No upper end was proved."
        else:
            template = f"every network{layer} that fits {self.which} data exactly and lies within {{window}} of these "
            template += f"weights has one that fits {self.other} exactly no further than {{upper}} away"
            template += f", and {self.far}." if lower else ". That any lies apart was not proved."
        return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem),
                   window=as_given(problem.window or 0.0), lower="" if not lower else lower_end(lower, DIGITS),
                   upper="" if upper is None else upper_end(upper, DIGITS))


def _terms(_: Problem) -> Terms:
    return [(
        "excess e(C, D)",
        "the largest distance from a point of C to the nearest point of D; here C is cut by the window, the ball B "
        "around the given weights, and D is not. The Hausdorff distance on the window is the larger of both ways",
    )]  # fmt: skip


_ONE_WAY = _Ways(
    "the changed", "today’s", "one such network lies at least {lower} from every one that fits today’s data exactly",
    "So none there lies apart from those that fit today’s: the excess is 0.")
_BOTH_WAYS = _Ways(
    "today’s or the changed", "the other",
    "one that fits today’s data, within {window}, lies at least {lower} from every one that fits the changed")

EXCESS = Quantity("excess", "How far exact fits near the weights stray (excess on a window)", _ONE_WAY.sentence,
                  at_size="The excess", terms=_terms, scale=lengths,
                  wonders="how far do exact fits of the changed data stray from those of today’s")
HAUSDORFF = Quantity(
    "hausdorff", "How far both sets of exact fits lie apart (Hausdorff distance on a window)", _BOTH_WAYS.sentence,
    at_size="The Hausdorff distance", terms=_terms, scale=lengths,
    wonders="how far do the exact fits of today’s data and of the changed data lie apart")
