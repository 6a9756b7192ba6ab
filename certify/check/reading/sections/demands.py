"""What words of a spec go together, as data: where some words stand, others have to (or none of the first may)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certify.check.reading.optional.parts import Demand
    from certify.check.reading.spec import Spec

Words = dict[str, object]
"""For each key the word that has to stand there, or a tuple of words of which one has to."""

MODULI = ("modulus", "sample_modulus")
FIRST_ORDER = "first_order_prediction_change"
LINEAR = ("first_order_distance", FIRST_ORDER)
LABELS = "stable_predictions"
CORRECT, TOLERATED = "correct_predictions", "tolerated_changes"
COUNTED = (LABELS, CORRECT, TOLERATED)
FUNCTIONAL = "functional"
PREDICTIONS = (*COUNTED, "prediction_change", FUNCTIONAL)
FINITE = ("distance", *PREDICTIONS)
BUDGETS = ("total", "per_sample", "sparse")
WINDOW = ("excess", "hausdorff")
ASKED = {"finite": FINITE, "predicts": (*PREDICTIONS, FIRST_ORDER), "counts": COUNTED, "gated": WINDOW,
         "radii": ("aubin",)}
"""Whether one of some quantities is asked for, whichever rules look at."""
CONVEX: Words = {"map": "critical", "set": BUDGETS, "finite": True}
"""Finite changes of a convex last layer."""
ZERO, SMALL, LARGE = "zero", "small", "large"


def counts(quantity: str) -> bool:
    """Whether a quantity is about labels."""
    return quantity in COUNTED


@dataclass(frozen=True)
class Goes:
    """One rule.

    Attributes:
        when: the words that it is about.
        then: those that have to stand beside them; None: the first may not stand together.
        where: the key to name.
        stated: what to quote: a member of the spec, `quantity` (those that break the rule), or other words as they are.
        needed: what is needed, in words.
    """

    when: Words
    then: Words | None
    where: str
    stated: str
    needed: str

    def broken(self, said: Words) -> bool:
        """Whether the words that are said break it."""
        return _hold(self.when, said) and (self.then is None or not _hold(self.then, said))


def judged(rules: Iterable[Goes], spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """Every rule for a spec that asks for these quantities: wrong or not, where, what is stated, what is needed."""
    plain, found = _said(spec, quantities), []
    asked: list[str | None] = [*sorted(quantities)] or [None]
    for rule in rules:
        broken = [quantity for quantity in asked if rule.broken(plain | {"quantity": quantity})]
        stated = getattr(spec, rule.stated, rule.stated) if rule.stated != "quantity" else (
            broken[0] if len(broken) == 1 else broken)
        found.append((bool(broken), rule.where, stated, rule.needed))
    return tuple(found)


def _hold(words: Words, said: Words) -> bool:
    return all(said[key] in (word if isinstance(word, tuple) else (word,)) for key, word in words.items())


def _said(spec: Spec, quantities: set[str]) -> dict[str, object]:
    """The words of a spec; of a key that has none whether it is there."""
    depth = len(spec.widths) - 1
    return {
        "map": spec.map, "base": spec.base, "set": spec.set, "parameter": spec.parameter, "norm": spec.norm,
        "weights": spec.weight_norm, "loss": spec.loss, "decay": spec.weight_decay > 0,
        "last": spec.layer in (depth, "last") or (spec.layer == "all" and depth == 1 and spec.graph is None),
        "radius": _size(spec.radius), "bias_decay": spec.bias_decay, "normalization": spec.normalization,
        "counts_alone": bool(quantities) and quantities <= set(COUNTED), "listed": not isinstance(spec.rows, str),
        "one_output": spec.widths[-1:] in ((), (1,)), "known": bool(spec.widths), "kind": (spec.kind or {}).get("word"),
        "weighed": spec.row_weights is not None, "whole": spec.layer == "all",
        "units": (spec.columns or spec.scale) is not None, "aubin": spec.aubin, "gates": bool(spec.gates),
        "evaluation": (spec.evaluation or spec.functionals) is not None, "one_layer": depth == 1,
        **{key: getattr(spec, key) is not None for key in (
            "level", "count", "change", "array", "graph", "window", "threshold", "direction", "within", "targets",
            "functionals", "class_weight")},
        **{key: not quantities.isdisjoint(some) for key, some in ASKED.items()},
    }


def _size(radius: float | None) -> str | None:
    """How large a radius is, as far as rules ask; sample weights may fall by 1 at most."""
    if radius is None:
        return None
    return ZERO if radius == 0 else SMALL if radius <= 1 else LARGE
