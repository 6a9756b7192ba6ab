"""The theorems a claim may rest on, one row each: what they bound, where they apply, what proves them.

This is the normative table. Nothing else says which combination exists, or by which theorem.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from certify.format import quantities as q
from certify.format.quantities import Quantity
from certify.format.question import Domain, Question
from certify.format.witnesses import (
    Alone,
    Array,
    Ball,
    Budgets,
    Changes,
    Compensation,
    Curvature,
    Found,
    Labels,
    LevelRadii,
    Modulus,
    Motion,
    Radii,
    Reaches,
    Refutable,
    Window,
    Witness,
)
from certify.format.words import Arithmetic, Base, Layer, Loss, Map, Network, Normalization, Parameter, Set, WeightNorm


class System(StrEnum):
    """What is solved at the point that a theorem is about."""

    FITS = "interpolation"
    CRITICAL = "critical"
    SUBLEVEL = "sublevel"
    HEAD = "head"


@dataclass(frozen=True)
class Theorem:
    """One theorem, for one system and for quantities that the same members of a witness prove.

    Attributes:
        label: as claims and proofs name it.
        system: what is solved; a label may stand in several rows.
        quantities: what it bounds.
        page: of `proofs/`, with the section.
        applies: the domains, of which one has to hold; what has no meaning is no matter of theorems but of laws.
        hypotheses: the names a claim may list.
        witness: what its claims carry beside their ends.
        cases: labels that a claim states instead, chosen by what was proved.
        rests: other labels whose statements it uses.
        once: the domains in which certificates of earlier versions state it, where another theorem answers now.
    """

    label: str
    system: System
    quantities: tuple[Quantity, ...]
    page: str
    applies: tuple[Domain, ...]
    hypotheses: tuple[str, ...]
    witness: type[Witness] = Witness
    cases: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    once: tuple[Domain, ...] = ()

    def __str__(self) -> str:
        return self.label

    @property
    def map(self) -> Map:
        """The solution map of a spec that it is about."""
        return Map.CRITICAL if self.system is System.HEAD else Map(self.system)

    def covers(self, question: Question) -> bool:
        """Whether one of its domains, and one of its quantities, is the question's."""
        return any(quantity.name == question.quantity for quantity in self.quantities) and any(
            domain.holds(question) for domain in self.applies)

    def states(self, label: str) -> bool:
        """Whether a claim by this theorem may have that label.

        >>> M5.states("M5c"), M2.states("M5c")
        (True, False)
        """
        return label == self.label or label in self.cases


_PLAIN: Final = (Network.CHAIN, Network.MODULE)
_MOVES: Final = (Parameter.FEATURES, Parameter.TARGETS, Parameter.SAMPLE_WEIGHTS)
_EUCLIDEAN, _GIVEN = WeightNorm.EUCLIDEAN, Base.GIVEN
_BUDGETS: Final = (Set.TOTAL, Set.PER_SAMPLE, Set.SPARSE)
_HEAD: Final = (Layer.LAST, Layer.ONLY)

_DECAYED: Final = Domain(undecayed=False, relative=False, normalization=Normalization.FIXED)

_FITS: Final = _DECAYED.also(map=Map.INTERPOLATION, network=_PLAIN, parameter=(Parameter.FEATURES, Parameter.TARGETS))
_FIT_HYPOTHESES: Final = ("counting", "solution", "smooth", "rank")
_AT_SIZE: Final = _FITS.also(base=_GIVEN, weight_norm=(_EUCLIDEAN, WeightNorm.RELATIVE))
_WITHIN: Final = _AT_SIZE.also(set=_BUDGETS, parameter=Parameter.FEATURES)
_AFTER: Final = _AT_SIZE.also(set=Set.GIVEN)


def _fits(label: str, bounds: tuple[Quantity, ...], page: str, *applies: Domain, hypotheses: tuple[str, ...] = (),
          witness: type[Witness] = Witness, rests: tuple[str, ...] = ()) -> Theorem:
    """A theorem about exact fits, with the hypotheses of all of them and its own."""
    return Theorem(label, System.FITS, bounds, page, applies, (*_FIT_HYPOTHESES, *hypotheses), witness, (), rests)


M2: Final = _fits("M2", (q.MODULUS, q.FIRST_ORDER_DISTANCE), "interpolation.md#m2", _FITS.also(set=Set.TOTAL),
                  witness=Modulus, rests=("M1", "M3"))
M4: Final = _fits("M4", (q.SAMPLE_MODULUS,), "interpolation.md#m4", _FITS.also(set=(Set.TOTAL, Set.PER_SAMPLE), norm=2),
                  witness=Refutable, rests=("M1", "M3"))
N1: Final = _fits("N1", (q.MODULUS, q.FIRST_ORDER_DISTANCE), "perturbation-sets.md#n1",
                  _FITS.also(set=Set.PER_SAMPLE), witness=Budgets, rests=("M3",))
N2: Final = _fits("N2", (q.FIRST_ORDER_DISTANCE,), "perturbation-sets.md#n2", _FITS.also(set=Set.SPARSE),
                  witness=Budgets, rests=("M3", "N1"))
N3: Final = _fits("N3", (q.FIRST_ORDER_DISTANCE,), "perturbation-sets.md#n3", _FITS.also(set=Set.GIVEN), rests=("M3",))
N4: Final = _fits("N4", (q.SAMPLE_MODULUS,), "perturbation-sets.md#n4",
                  _FITS.also(set=Set.PER_SAMPLE, norm=(1, "inf")), witness=Alone, rests=("M4",))
Q1: Final = _fits("Q1", (q.AUBIN,), "aubin.md#q1", _FITS.also(
    base=_GIVEN, layer=(Layer.ALL, Layer.ONLY), weight_norm=_EUCLIDEAN, set=Set.TOTAL, units=False,
    arithmetic=Arithmetic.FLOAT), hypotheses=("contraction",),
    witness=Radii, rests=("M2",))
Q4: Final = _fits("Q4", (q.DISTANCE,), "compensation.md#q4", _WITHIN,
                  witness=Compensation, rests=("Q8", "F1"))
Q7: Final = _fits("Q7", (q.DISTANCE,), "finite.md#q7", _AFTER, witness=Found, rests=("Q2", "F1"))
P2: Final = _fits("P2", (q.STABLE_PREDICTIONS,), "finite.md#p2", _WITHIN, _AFTER,
                  witness=Labels, rests=("Q4", "Q7"))
P1: Final = _fits("P1", (q.FIRST_ORDER_PREDICTION_CHANGE,), "predictions.md#p1", _FITS.also(weight_norm=_EUCLIDEAN),
                  hypotheses=("evaluation", "agreement", "freedom"), rests=("M3",))
S14: Final = Theorem("S14", System.FITS, (q.EXCESS, q.HAUSDORFF), "sets.md#s14", (_FITS.also(
    base=_GIVEN, network=Network.CHAIN, layer=_HEAD, weight_norm=_EUCLIDEAN, set=Set.GIVEN),),
    ("counting", "layer_rank"), Window)

_CRITICAL: Final = _DECAYED.also(map=Map.CRITICAL, network=_PLAIN, down=False, parameter=_MOVES)
_CRITICAL_HYPOTHESES: Final = ("solution", "smooth", "rank", "symmetry", "tilt")

_M5_CASES: Final = ("M5a", "M5b", "M5c", "M5d")

M5: Final = Theorem("M5", System.CRITICAL, (q.MODULUS, q.FIRST_ORDER_DISTANCE), "critical.md#m5", (_CRITICAL,),
                    ("counting", *_CRITICAL_HYPOTHESES), Curvature, _M5_CASES, ("M5e", "M5s"))
M5_ROWS: Final = Theorem("M5", System.CRITICAL, (q.SAMPLE_MODULUS,), "critical.md#m5", (_CRITICAL,),
                         ("counting", *_CRITICAL_HYPOTHESES), Array, _M5_CASES, ("M5s", "N4"))
P1_CRITICAL: Final = Theorem("P1", System.CRITICAL, (q.FIRST_ORDER_PREDICTION_CHANGE,), "predictions.md#p1",
                             (_CRITICAL.also(weight_norm=_EUCLIDEAN),),
                             ("counting", *_CRITICAL_HYPOTHESES, "evaluation", "agreement", "freedom"),
                             cases=("M5", "M5a", "M5d"), rests=("M5b", "M5c"))
Q7_CRITICAL: Final = Theorem("Q7", System.CRITICAL, (q.DISTANCE,), "finite.md#q7", (_CRITICAL.also(
    base=Base.NEARBY, set=Set.GIVEN, weight_norm=_EUCLIDEAN),), _CRITICAL_HYPOTHESES, Found,
    rests=("Q2", "F1"))
_LAST: Final = Domain(map=Map.CRITICAL, base=Base.NEARBY, network=Network.CHAIN, layer=_HEAD, weight_norm=_EUCLIDEAN,
                      decay=True, norm=2, set=_BUDGETS)
_MOTION: Final = _LAST.also(parameter=_MOVES, undecayed=False, relative=False, normalization=Normalization.FIXED)
_FLIPS: Final = _MOTION.also(parameter=Parameter.LABELS, loss=(Loss.CROSS_ENTROPY, Loss.LOGISTIC), weighed=False,
                                     balanced=False)
_ROWS: Final = _LAST.also(set=(Set.SPARSE, Set.GIVEN), parameter=tuple(p for p in Parameter if p.discrete))
_ROWS_OF_A_GRAPH: Final = _ROWS.also(network=Network.GRAPH, layer=Layer.LAST)

_TARGETS: Final = _LAST.also(parameter=Parameter.TARGETS, set=Set.PER_SAMPLE, loss=Loss.SQUARED, weighed=False,
                             balanced=False, normalization=Normalization.FIXED)
_FLIPPED: Final = _FLIPS.also(set=Set.PER_SAMPLE)
_ONCE: Final = _FLIPS.also(set=Set.SPARSE)
_BALL: Final = ("convex", "solution", "weights", "bias")

Q6: Final = Theorem("Q6", System.HEAD, (q.DISTANCE,), "convex.md#q6", (_MOTION, _FLIPPED), _BALL, Motion,
                    rests=("P4",), once=(_ONCE,))
Q6_OUTPUTS: Final = Theorem("Q6", System.HEAD, (q.PREDICTION_CHANGE,), "convex.md#q6", (
    _MOTION.also(set=(Set.TOTAL, Set.SPARSE)),
    _MOTION.also(set=Set.PER_SAMPLE, parameter=(Parameter.FEATURES, Parameter.SAMPLE_WEIGHTS)), _FLIPPED), _BALL,
    Motion, rests=("P4",), once=(_ONCE, _TARGETS.also(undecayed=False, relative=False)))
D22: Final = Theorem("D22", System.HEAD, (q.PREDICTION_CHANGE,), "heads-squared.md#d22", (_TARGETS,), ("convex",))
Q6_LABELS: Final = Theorem("Q6", System.HEAD, (q.STABLE_PREDICTIONS,), "convex.md#q6",
                           (_MOTION, _FLIPS.also(set=Set.PER_SAMPLE)), ("convex", "solution", "weights", "bias"), Ball,
                           rests=("P4",), once=(_FLIPS.also(set=Set.SPARSE),))
D1: Final = Theorem("D1", System.HEAD, (q.STABLE_PREDICTIONS, q.CORRECT_PREDICTIONS), "heads.md#d1",
                    (_ROWS, _ROWS_OF_A_GRAPH), ("convex",), Changes)
D1_MOVES: Final = Theorem("D1", System.HEAD, (q.DISTANCE, q.PREDICTION_CHANGE), "heads.md#d1",
                          (_ROWS, _ROWS_OF_A_GRAPH), ("convex",), Reaches)
D1_TOLERATED: Final = Theorem("D1", System.HEAD, (q.TOLERATED_CHANGES,), "heads.md#d1",
                              (_ROWS.also(set=Set.SPARSE), _ROWS_OF_A_GRAPH.also(set=Set.SPARSE)), ("convex",), Array)
D1_RANGES: Final = Theorem("D1", System.HEAD, (q.FUNCTIONAL,), "heads.md#d1", (_ROWS,), ("convex",), Reaches)

_SUBLEVEL: Final = _DECAYED.also(map=Map.SUBLEVEL, network=_PLAIN, set=(Set.TOTAL, Set.PER_SAMPLE), norm=2, down=False,
                          parameter=_MOVES)
_OF_A_GRAPH: Final = _SUBLEVEL.also(network=Network.GRAPH, layer=Layer.ALL, weight_norm=_EUCLIDEAN)
_SUBLEVEL_HYPOTHESES: Final = ("loss", "interior", "smooth", "gradient")

M6: Final = Theorem("M6", System.SUBLEVEL, (q.MODULUS, q.SAMPLE_MODULUS), "sublevel.md#m6", (_SUBLEVEL, _OF_A_GRAPH),
                    _SUBLEVEL_HYPOTHESES, rests=("L1", "G4"))
M6_PERSISTENCE: Final = Theorem("M6", System.SUBLEVEL, (q.PERSISTENCE_RADIUS,), "sublevel.md#m6", (
    _SUBLEVEL, _OF_A_GRAPH.also(parameter=(Parameter.TARGETS, Parameter.SAMPLE_WEIGHTS))),
    _SUBLEVEL_HYPOTHESES, Array, rests=("L1", "P3", "G4"))
Q5: Final = Theorem("Q5", System.SUBLEVEL, (q.AUBIN,), "sublevel.md#q5", (_SUBLEVEL.also(
    level=False, parameter=(Parameter.FEATURES, Parameter.TARGETS), weight_norm=_EUCLIDEAN, set=Set.TOTAL,
    units=False),), (*_SUBLEVEL_HYPOTHESES, "descent"), LevelRadii, rests=("M6",))

THEOREMS: Final = (M2, M4, N1, N2, N3, N4, Q1, Q4, Q7, P2, P1, S14, M5, M5_ROWS, P1_CRITICAL, Q7_CRITICAL, Q6,
                   Q6_OUTPUTS, Q6_LABELS, D22, D1, D1_MOVES, D1_TOLERATED, D1_RANGES, M6, M6_PERSISTENCE, Q5)
"""Every row; no question has two."""

LABELS: Final = tuple(dict.fromkeys(label for theorem in THEOREMS for label in (theorem.label, *theorem.cases)))
"""Every label that a claim may state."""
