"""How the ends of a claim are known, in words: one row a theorem and solution map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from certify.certificate.schema import Claim, Problem
from certify.format.labels import COUNTED
from certify.format.quantities import QUANTITIES as KNOWN
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.quantities import QUANTITIES
from certify.report.quantities.modulus import inside

_WITNESS: Final = "lower end by a verified vector (the witness)"
_KERNEL: Final = "from an enclosure of the inverse of the tangent kernel"
_BY_ROW: Final = f"{_KERNEL}, row by row"

_MEMBERS: Final = {
    "weights": "upper end by one weight a row and a verified factorisation",
    "rows": "upper end by adding up what each row can do alone",
    "pairs": "upper end by adding up what pairs of rows can do together",
}
"""How an upper end is known that a member of a family gives."""


@dataclass(frozen=True)
class Theorem:
    """How the ends of a theorem are known; this one says the same of every claim.

    Attributes:
        ends: in words, by side.
        only_point: whether it is about the only solution there is.
    """

    ends: Mapping[str, str] = field(default_factory=dict)
    only_point: bool = False

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """How one end is known; empty where nothing is to be said.

        Args:
            claim: a claim of this theorem.
            problem: the problem.
            side: ``"upper"`` or ``"lower"``.
        """
        return self.ends.get(side, "")


@dataclass(frozen=True)
class _OfMembers(Theorem):
    """The upper end is that of one member of a family."""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The member."""
        member = {"upper": _MEMBERS.get(claim.witness.member or "", "")}
        return {**self.ends, **member}.get(side, "")


@dataclass(frozen=True)
class _Compensation(Theorem):
    """The layers after the one that adjusts are enclosed, row by row where the side file holds multipliers."""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The layer that adjusts."""
        rows = f", layer {claim.witness.layer}; how far its inputs move is proved row by row from the slopes within " \
               "reach (LipSDP)"
        return self.ends[side] + (rows if side == "upper" and claim.witness.constants is not None else "")


@dataclass(frozen=True)
class _Hessian(Theorem):
    """Both ends come from an inverse of the Hessian, or of its part across the symmetries.

    Attributes:
        premise: what is proved of the Hessian.
    """

    premise: str = ""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The inverse, or what replaces it."""
        if claim.witness.member and side == "upper":
            return f"{self.premise}; {_MEMBERS[claim.witness.member]}"
        if SETS[problem.set].one:
            return f"{self.premise}; both ends by a verified inverse"
        if claim.rows is not None:
            return f"{self.premise}; both ends, row by row, by a verified inverse"
        return self.ends[side]


@dataclass(frozen=True)
class _AtFits(Theorem):
    """Near the weights the gradient vanishes only at exact fits.

    Attributes:
        premise: why the theorems of interpolation apply.
    """

    premise: str = ""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The kernel, or a factorisation of it."""
        settled = PARAMETERS[problem.parameter].at_fits
        if settled:
            return settled
        if SETS[problem.set].one:
            return _KERNEL
        if claim.witness.member and side == "upper":
            return f"{self.premise}; {_MEMBERS[claim.witness.member]}"
        if claim.rows is not None:
            return _BY_ROW
        return self.ends[side]


@dataclass(frozen=True)
class _Predictions(Theorem):
    """To first order a prediction is a linear function of the change.

    Attributes:
        means: what gives that function.
    """

    means: str = ""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The means."""
        return f"both ends, row by row, by {self.means}: to first order a prediction is a linear function of the change"


@dataclass(frozen=True)
class _LastLayer(Theorem):
    """A strongly convex last layer; what its ends rest on depends on the quantity."""

    only_point: bool = True

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The ball that the solution cannot leave, or one change, which an end of 0 does not need."""
        ends = _OF_THE_LAST_LAYER[claim.quantity]
        idle = side == "lower" and not claim.lower and "upper" in ends
        return "" if idle else ends.get(side, "")


@dataclass(frozen=True)
class _Level(Theorem):
    """The sublevel map, on the boundary and inside."""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """The level, two gradients, a formula, or bounds and an attack."""
        if QUANTITIES[claim.quantity].pointwise:
            if inside(claim, problem):
                return "the level is proved to exceed the training loss, and the loss is continuous"
            return "the quotient of two gradients of the loss, by the data and by the weights, both enclosed"
        exceeds = "is proved to exceed" if claim.rigour == "proved" else "exceeds"
        return PARAMETERS[problem.parameter].closed or {
            "lower": "lower end by bounds on how fast every row’s loss can rise (theorem P3)",
            "upper": f"upper end by a move whose training loss {exceeds} the level (the attack)",
        }[side]


def _under(kind: type[_Hessian] | type[_AtFits], premise: str, means: str) -> Theorem:
    """A theorem under a premise; `means` gives its upper end where nothing else does."""
    return kind({"upper": f"{premise}; upper end by {means}", "lower": _WITNESS}, premise=premise)


def _both(how: str) -> Theorem:
    return Theorem({"upper": how, "lower": how})


@dataclass(frozen=True)
class _ChangedRows(Theorem):
    """Rows that are left out or get other labels: labels are counted, motions have both ends by refits."""

    def how(self, claim: Claim, problem: Problem, side: str) -> str:
        """By quantity; of a motion's upper end what bounds it."""
        if claim.quantity in COUNTED:
            return super().how(claim, problem, side)
        if KNOWN[claim.quantity].signed and claim.gate is not None and claim.gate.max is None:
            reached, beyond = "upper end by one such choice of rows, whose refit is verified", _BY.get(
                claim.witness.by or "", "")
            return reached if side == "upper" else beyond.replace("upper end", "lower end")
        return {"lower": "lower end by one such choice of rows, whose refit is verified", "upper": _BY.get(
            claim.witness.by or "", "")}[side]


_BY: Final = {
    "counted": "upper end by every choice of rows, each refitted and verified (theorem D2)",
    "boxes": "upper end by a tree of boxes that hold every refit (theorem D6)",
    "trees": "upper end by trees of deletions (theorem D23)",
    "sums": "upper end by the longest sum of what so many rows do to weights or outputs (theorem D31)",
    "bent": "upper end by one box that holds every refit (theorem D24)",
    "norms": "upper end by the lengths of the changed slopes over the weight decay (theorem D1d)",
}
"""What bounds a motion, by the word of the witness."""


_BELOW = "lower end by one change of the budget, and weights at which the changed loss is proved nearly flat"
_OF_THE_LAST_LAYER: Final = {
    "distance": {
        "upper": "upper end by a ball around the given weights that the solution cannot leave (the witness is its "
        "size)",
        "lower": _BELOW,
    },
    "stable_predictions": {
        "lower": "lower end by a ball that the solution cannot leave, and the margins of the outputs in its norm",
    },
    "prediction_change": {
        "upper": "upper end by a ball that the solution cannot leave, seen through the evaluation rows",
        "lower": _BELOW,
    },
}
"""What the ends of Q6 rest on, by quantity and side."""

UNKNOWN: Final = Theorem()
"""A theorem of which there is nothing to say."""

THEOREMS: Final[dict[str, dict[str, Theorem]]] = {
    "interpolation": {
        "M2": Theorem({"upper": "upper end by a verified factorisation", "lower": _WITNESS}),
        "M4": _both(_BY_ROW),
        "N1": Theorem({
            "upper": "upper end by one weight a row and a verified factorisation",
            "lower": f"{_WITNESS}, which names a worst move",
        }),
        "N2": _OfMembers({"lower": f"{_WITNESS}, which names rows and their moves"}),
        "N3": _both(_KERNEL),
        "N4": _both(_BY_ROW),
        "P1": _Predictions(means="an enclosure of the inverse of the tangent kernel"),
        "P2": Theorem({
            "lower": "lower end by how far networks within that distance (the witness, proved as the upper end of a "
            "distance is) can change each margin of the outputs",
        }),
        "Q1": Theorem({
            "upper": "upper end by a right inverse of the Jacobian that is proved to serve within both radii "
            "(contraction)",
            "lower": "lower end by that of the modulus and a verified vector (the witness)",
        }),
        "Q4": _Compensation({
            "upper": "upper end by one layer that gives all later ones the inputs they had (compensation)",
            "lower": "lower end by one change within the budget and a combination of the outputs (the witness) that "
            "the weights cannot change fast enough (theorem F1)",
        }),
        "Q7": Theorem({
            "upper": "upper end by an exact fit of the changed data, proved to exist (theorem Q2)",
            "lower": "lower end by a combination of the outputs (the witness) that the weights cannot change fast "
            "enough (theorem F1)",
        }),
        "S14": Theorem({
            "upper": "upper end by a multiplier (the witness) for which a matrix is proved positive definite",
            "lower": "lower end by a point of one set within the window (the witness) and its distance from the other",
        }),
    },
    "critical": {
        "M5a": _under(_AtFits, "near these weights the gradient vanishes only where every row’s loss has today’s "
                      "slope, so the interpolation theorems apply", "a verified factorisation"),
        "M5b": _under(_Hessian, "the symmetries found explain the whole kernel of the Hessian", "a verified inverse"),
        "M5c": _under(_Hessian, "the Hessian is proved nonsingular", "a verified inverse"),
        "M5d": Theorem({"lower": f"{_WITNESS}, whatever the rank of the Hessian"}),
        "P1": _Predictions(means="a verified inverse of the Hessian"),
        "Q6": _LastLayer(),
        "D22": Theorem({
            "upper": "upper end by the sum of every row's influence, as outputs are linear in the targets",
            "lower": "lower end by the same sum: the targets that reach it all move by their amount",
        }, only_point=True),
        "D1": _ChangedRows({
            "upper": "upper end by choices of rows whose refits, verified, flip a label",
            "lower": "lower end by a proved cover of every choice of rows (theorem D1)",
        }, only_point=True),
        "Q7": Theorem({
            "upper": "upper end by a critical point of the changed loss, proved to exist (theorem Q2)",
            "lower": "lower end by a direction (the witness) along which the gradient cannot change fast enough to "
            "vanish (theorem F1)",
        }),
    },
    "sublevel": {
        "M6": _Level(),
        "Q5": Theorem({
            "upper": "upper end by a direction (the witness) along which the training loss is proved to fall fast "
            "enough within both radii",
            "lower": "lower end by that of the modulus",
        }),
    },
}
"""Every theorem that a certificate names, by the word of its map."""


def theorem_of(claim: Claim, problem: Problem) -> Theorem:
    """The theorem that a claim names.

    Args:
        claim: a claim; the label is foreign text.
        problem: the problem, which says the map.
    """
    return THEOREMS[problem.map].get(claim.theorem, UNKNOWN)
