"""A question: one asked combination in words. A domain: which questions a statement is about.

What has no meaning, whatever is proved, is a :data:`LAWS`; where a theorem applies is said in
:mod:`certify.format.theorems`, in domains too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from certify.format.quantities import QUANTITIES
from certify.format.words import (
    Arithmetic,
    Base,
    Layer,
    Loss,
    Map,
    Network,
    Normalization,
    Parameter,
    Set,
    WeightNorm,
)

Answer = str | int | bool


@dataclass(frozen=True)
class Question:
    """One quantity of one problem, in words: what decides which theorem applies.

    Attributes:
        quantity: the name of a quantity.
        normalization: what the losses are divided by where rows are left out.
        decay: whether the weight decay is above 0.
        undecayed: whether biases carry none.
        down: whether sample weights only fall.
        relative: whether the size of a change is a share of each target's own size.
        weighed: whether rows carry weights of their own in the training loss.
        balanced: whether they carry those that follow how many rows each label has.
        targets, radius, level, count, change, reference, units, window, evaluation: whether the spec says them; units
            are columns or a scale of the features, change is the file of the one change.
    """

    quantity: str
    map: str = Map.INTERPOLATION
    base: str = Base.GIVEN
    network: str = Network.CHAIN
    layer: str = Layer.ALL
    loss: str = Loss.SQUARED
    set: str = Set.TOTAL
    parameter: str = Parameter.FEATURES
    norm: int | str = 2
    weight_norm: str = WeightNorm.EUCLIDEAN
    arithmetic: str = Arithmetic.FLOAT
    normalization: str = Normalization.FIXED
    decay: bool = False
    undecayed: bool = False
    down: bool = False
    relative: bool = False
    targets: bool = True
    radius: bool = False
    level: bool = False
    count: bool = False
    change: bool = False
    reference: bool = False
    units: bool = False
    window: bool = False
    evaluation: bool = False
    weighed: bool = False
    balanced: bool = False


KEYS: Final = tuple(field.name for field in fields(Question))
"""The keys of a question, in the order in which differences are said."""


class Domain:
    """A conjunction: every key it names has one of the answers it lists; the others may have any.

    >>> fits = Domain(map="interpolation", base="given")
    >>> total = fits.also(set=("total", "per_sample"))
    >>> total.holds(Question("modulus")), total.differs(Question("modulus", set="given", base="nearby"))
    (True, ('base', 'set'))
    """

    def __init__(self, **keys: Answer | Iterable[Answer]) -> None:
        unknown = set(keys) - set(KEYS)
        if unknown:
            raise TypeError(f"a question has no key {', '.join(sorted(unknown))}")
        self.keys: Mapping[str, tuple[Answer, ...]] = MappingProxyType({
            key: (given,) if isinstance(given, str | int) else tuple(given) for key, given in keys.items()})

    def __repr__(self) -> str:
        return f"Domain({', '.join(f'{key}={_short(given)!r}' for key, given in self.keys.items())})"

    def also(self, **keys: Answer | Iterable[Answer]) -> Domain:
        """The same with further keys, or other answers to the same ones."""
        return Domain(**{**self.keys, **keys})

    def holds(self, question: Question) -> bool:
        """Whether the question lies within."""
        return all(getattr(question, key) in given for key, given in self.keys.items())

    def differs(self, question: Question) -> tuple[str, ...]:
        """The keys whose answer is none of those listed, in the order of :data:`KEYS`."""
        return tuple(key for key in KEYS if key in self.keys and getattr(question, key) not in self.keys[key])


def _short(given: tuple[Answer, ...]) -> Answer | tuple[Answer, ...]:
    plain = tuple(str(answer) if isinstance(answer, str) else answer for answer in given)
    return plain[0] if len(plain) == 1 else plain


@dataclass(frozen=True)
class Law:
    """What has to hold for a question to have a meaning.

    Attributes:
        when: the questions it is about.
        then: what holds of them.
        because: why, as a clause; `{asked}` stands for the quantity.
    """

    when: Domain
    then: Domain
    because: str


def _names(**members: object) -> tuple[str, ...]:
    """The quantities of which all these members are so."""
    return tuple(q.name for q in QUANTITIES.values() if all(getattr(q, key) == value for key, value in members.items()))


_LOSS: Final = (Map.CRITICAL, Map.SUBLEVEL)
_BUDGETS: Final = tuple(s for s in Set if s is not Set.GIVEN)
_LEAVING: Final = tuple(p for p in Parameter if p.leaves)
_STAYING: Final = tuple(p for p in Parameter if not p.leaves)
_ROWS: Final = Domain(map=Map.CRITICAL, base=Base.NEARBY, set=(Set.SPARSE, Set.GIVEN),
                      parameter=tuple(p for p in Parameter if p.discrete))

LAWS: Final = (
    Law(Domain(loss=tuple(loss for loss in Loss if loss.of_heads)), _ROWS,
        "this loss is known of heads whose rows are left out or get other labels, and of nothing else"),
    Law(Domain(loss=tuple(loss for loss in Loss if loss.counts)), Domain(parameter=_LEAVING),
        "its targets are numbers, of which none is a label"),
    Law(Domain(weighed=True), _ROWS,
        "weights of rows are known of heads whose rows are left out or get other labels, and of nothing else"),
    Law(Domain(balanced=True), _ROWS,
        "balanced weights are known of heads whose rows are left out or get other labels, and of nothing else"),
    Law(Domain(balanced=True), Domain(loss=tuple(loss for loss in Loss if not loss.counts)),
        "its targets are numbers, of which none is a label"),
    Law(Domain(balanced=True), Domain(weighed=False),
        "what is balanced where rows carry weights of their own is not settled: multiply them, and name the products"),
    Law(Domain(map=_LOSS), Domain(targets=True), "this map needs the training loss, and the loss needs targets"),
    Law(Domain(base=Base.NEARBY), Domain(targets=True), 'base = "nearby" needs the targets in the file'),
    Law(Domain(map=Map.INTERPOLATION), Domain(parameter=_STAYING),
        "an interpolating network stays a solution without some of its rows"),
    Law(Domain(map=Map.INTERPOLATION), Domain(parameter=(Parameter.FEATURES, Parameter.TARGETS, Parameter.LABELS)),
        "an interpolating network stays a solution under any sample weights"),
    Law(Domain(map=Map.SUBLEVEL), Domain(base=Base.GIVEN), "a level set needs no exact solution nearby"),
    Law(Domain(level=True), Domain(map=Map.SUBLEVEL), "a level belongs to the sublevel map"),
    Law(Domain(units=True), Domain(parameter=Parameter.FEATURES), "columns and scale belong to features"),
    Law(Domain(units=True), Domain(set=_BUDGETS),
        "the change in the file is taken as it is"),
    Law(Domain(quantity=_names(gauge=True)), Domain(set=tuple(s for s in Set if s.gauge)),
        "this set is not a norm, so it has no modulus"),
    Law(Domain(set=(Set.TOTAL, Set.GIVEN)), Domain(norm=2),
        'this norm is that of one row, for set = "per_sample" or "sparse"'),
    Law(Domain(set=Set.SPARSE), Domain(count=True), 'set = "sparse" is about at most count rows'),
    Law(Domain(count=True), Domain(set=Set.SPARSE), 'a count belongs to set = "sparse"'),
    Law(Domain(set=Set.GIVEN, parameter=_STAYING), Domain(change=True), 'set = "given" is the one change in a file'),
    Law(Domain(change=True), Domain(set=Set.GIVEN), 'a file with a change belongs to set = "given"'),
    Law(Domain(change=True), Domain(parameter=_STAYING), "perturbation.rows says which rows are left out, and no file"),
    Law(Domain(weight_norm=WeightNorm.FUNCTION), Domain(reference=True), "it compares outputs at reference rows"),
    Law(Domain(reference=True), Domain(weight_norm=WeightNorm.FUNCTION), "reference rows belong to this norm"),
    Law(Domain(down=True), Domain(parameter=Parameter.SAMPLE_WEIGHTS), "a direction belongs to sample weights"),
    Law(Domain(relative=True), Domain(parameter=Parameter.TARGETS),
        "only a target has a size of its own that a change is a share of"),
    Law(Domain(relative=True), Domain(set=Set.PER_SAMPLE), "a share of its own size is for each target by itself"),
    Law(Domain(parameter=Parameter.LABELS), Domain(radius=False), "a label becomes any other, so a change has no size"),
    Law(Domain(parameter=Parameter.LABELS), Domain(set=(Set.SPARSE, Set.PER_SAMPLE, Set.GIVEN)),
        "labels change row by row"),
    Law(Domain(parameter=_LEAVING), Domain(set=(Set.SPARSE, Set.GIVEN)), "any count rows, or those listed, leave"),
    Law(Domain(parameter=_LEAVING), Domain(radius=False), "a row is left out whole, so a change has no size"),
    Law(Domain(normalization=Normalization.REMAINING), Domain(parameter=_LEAVING),
        "dividing by the rows that are left needs rows that are left out"),
    Law(Domain(undecayed=True), Domain(decay=True), "without a weight decay no weight carries any"),
    Law(Domain(map=_LOSS, parameter=Parameter.TARGETS, set=_BUDGETS), Domain(loss=Loss.SQUARED),
        "the targets are class labels, which cannot move a little"),
    Law(Domain(map=_LOSS, parameter=Parameter.TARGETS, quantity=tuple(q for q in QUANTITIES if q != "distance")),
        Domain(loss=Loss.SQUARED), "the targets are class labels, which cannot move a little"),
    Law(Domain(arithmetic=Arithmetic.EXACT), Domain(map=Map.INTERPOLATION, base=Base.GIVEN, set=Set.TOTAL,
                                                    weight_norm=WeightNorm.EUCLIDEAN),
        "rational arithmetic is built for exact fits at the given weights, a total budget and the Euclidean norm"),
)
"""What has to hold, in the order in which it is said."""

NEEDS: Final = (
    Law(Domain(quantity=_names(sized=True), set=tuple(s for s in Set if s.sized),
               parameter=tuple(p for p in Parameter if p.sized)), Domain(radius=True),
        "{asked} needs a size of the change"),
    Law(Domain(quantity=_names(needs=("level",))), Domain(level=True), "{asked} needs a level above the loss"),
    Law(Domain(quantity=_names(needs=("evaluation",))), Domain(evaluation=True),
        "{asked} needs the rows whose predictions are compared"),
    Law(Domain(quantity=_names(needs=("window",))), Domain(window=True),
        "{asked} needs a ball around the given weights"),
)
"""What has to be there beside it."""
