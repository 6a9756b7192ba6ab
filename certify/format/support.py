"""What is supported: the theorem that answers a question, and what is asked without a gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from certify.format import quantities as q
from certify.format.quantities import QUANTITIES
from certify.format.question import LAWS, NEEDS, Law, Question
from certify.format.theorems import THEOREMS, Theorem
from certify.format.words import Parameter, Set

BOUNDING: Final = {name: tuple(theorem for theorem in THEOREMS if row in theorem.quantities)
                   for name, row in QUANTITIES.items()}
"""The theorems that bound a quantity, by its name."""


def broken(question: Question) -> Law | None:
    """The first law that the question breaks; None if it has a meaning.

    >>> broken(Question("modulus", set="given", change=True)).because
    'this set is not a norm, so it has no modulus'
    """
    return next((law for law in (*LAWS, *NEEDS) if law.when.holds(question) and not law.then.holds(
        question)), None)


def applying(question: Question) -> tuple[Theorem, ...]:
    """The theorems that answer a question: one, or none.

    >>> [str(theorem) for theorem in applying(Question("modulus"))]
    ['M2']
    >>> applying(Question("distance", map="sublevel"))
    ()
    """
    if question.quantity not in BOUNDING or broken(question) is not None:
        return ()
    return tuple(theorem for theorem in BOUNDING[question.quantity] if theorem.covers(question))


def stating(question: Question, label: str) -> Theorem | None:
    """The theorem by which a certificate may answer a question with a claim of that label; None if there is none.

    One that answered it in an earlier version still may.

    >>> flips = Question("stable_predictions", map="critical", base="nearby", layer="last", loss="logistic",
    ...                  set="sparse", parameter="labels", decay=True, count=True, evaluation=True)
    >>> [str(stating(flips, label)) for label in ("D1", "Q6", "M5")]
    ['D1', 'Q6', 'None']
    """
    earlier = () if broken(question) is not None else (
        theorem for theorem in BOUNDING.get(question.quantity, ()) if any(d.holds(question) for d in theorem.once))
    return next((theorem for theorem in (*applying(question), *earlier) if theorem.states(label)), None)


def default_quantities(
    set: str, norm: int | str, parameter: str, aubin: bool = False, window: bool = False,
) -> tuple[str, ...]:
    """What is asked without a gate: the moduli that have a meaning, or else the distance to first order.

    Args:
        set, norm, parameter: of the perturbation.
        aubin, window: whether the spec has that section, which asks for its quantities.

    >>> default_quantities("total", 2, "features"), default_quantities("sparse", 2, "features")
    (('modulus', 'sample_modulus'), ('first_order_distance',))
    """
    plain = (q.FIRST_ORDER_DISTANCE,) if not Set(set).gauge else (
        (q.MODULUS, q.SAMPLE_MODULUS) if parameter == Parameter.FEATURES and norm == 2 else (q.MODULUS,))
    more = (*((q.AUBIN,) if aubin else ()), *((q.EXCESS, q.HAUSDORFF) if window else ()))
    return tuple(row.name for row in (*plain, *more))


def unasked(quantities: Iterable[str], aubin: bool, window: bool, evaluation: bool) -> str | None:
    """The section that none of the quantities uses; None if there is none."""
    asked = [QUANTITIES[name] for name in quantities if name in QUANTITIES]
    for section, there, used in (("aubin", aubin, q.AUBIN in asked),
                                 ("window", window, any("window" in row.needs for row in asked)),
                                 ("evaluation", evaluation, any("evaluation" in row.needs for row in asked))):
        if there and not used:
            return section
    return None
