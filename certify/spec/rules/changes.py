"""Which keys say what kind of change of whole rows is meant, and what they need of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.format.quantities import CORRECT_PREDICTIONS, STABLE_PREDICTIONS
from certify.format.words import Loss, Normalization, Parameter, Set

if TYPE_CHECKING:
    from certify.spec.models import Spec

KINDS: Final = ("groups", "relabelled", "pairs", "fresh")
"""The keys, of which one may be given."""
COUNTS: Final = (STABLE_PREDICTIONS.name, CORRECT_PREDICTIONS.name)
"""What is known under them: which labels stay, and so which right ones do."""
NEEDED: Final = {"groups": (Parameter.DELETIONS, Parameter.LABELS), "relabelled": (Parameter.DELETIONS,),
                 "pairs": (Parameter.LABELS,), "fresh": (Parameter.DELETIONS,)}
"""The parameters that they go with."""


def require_kind(spec: Spec, name: str) -> None:
    """Refuse groups, pairs and rows relabelled beside others where no row changes as a whole, or two of them.

    Raises:
        SpecError: with what would work.
    """
    p, where = spec.perturbation, f"{name}: perturbation"
    if Parameter(p.parameter).leaves and not Set(p.set).sized and isinstance(p.rows, str):
        raise SpecError(f"{where}.rows", 'missing, and set = "given" leaves out the rows that it lists',
                        'list the rows, or use set = "sparse" with a count')
    if p.box is not None:
        _require_box(spec, where)
    stated = [key for key in KINDS if getattr(p, key) is not None]
    if not stated:
        return
    key, parameters = stated[0], NEEDED[stated[0]]
    if len(stated) > 1:
        raise SpecError(f"{where}.{stated[1]}", f"given with {key}", "give one of them")
    words = " or ".join(f'"{word}"' for word in parameters)
    if p.parameter not in parameters or Set(p.set).gauge or not Set(p.set).sized:
        raise SpecError(f"{where}.{key}", f'given with parameter = "{p.parameter}", set = "{p.set}"',
                        f'use parameter = {words} with set = "sparse", or remove {key}')
    others = sorted({gate.quantity for gate in spec.gate} - {*COUNTS})
    if others:
        raise SpecError(f"{where}.{key}", f"a gate is about {others[0]}, and {key} is for {' and '.join(COUNTS)}",
                        "put that gate into a spec of its own")
    if key == "groups" and p.rows != "all":
        raise SpecError(f"{where}.rows", "listed beside groups, which hold every row", "remove rows")
    if p.fresh is not None:
        _require_new(spec, where)


def _require_new(spec: Spec, where: str) -> None:
    """New rows are for one output, labels, and a sum that does not follow how many rows there are."""
    loss, follows = Loss(spec.training.loss), Normalization(spec.training.normalization).follows
    if spec.training.class_weight is not None:
        raise SpecError(f"{where}.fresh", f'given with class_weight = {spec.training.class_weight!r}, and new rows '
                        "change what every row counts", "remove class_weight, or fresh")
    if loss.of_heads or loss.outputs_by_class or follows:
        raise SpecError(f"{where}.fresh", f'given with loss = "{spec.training.loss}", normalization = '
                        f'"{spec.training.normalization}"', 'use loss = "logistic" or "squared" with normalization = '
                        '"fixed", or remove fresh')


def _require_box(spec: Spec, where: str) -> None:
    p = spec.perturbation
    if p.fresh is None:
        raise SpecError(f"{where}.box", "given without fresh", 'say fresh = "added" or "replaced", or remove box')
    for a, b in p.box or ():
        if a > b:
            raise SpecError(f"{where}.box", f"[{a!r}, {b!r}]", "give pairs of a least and a largest value")
    inputs = (spec.model.widths or (len(p.box or ()),))[0]
    if len(p.box or ()) != inputs:
        raise SpecError(f"{where}.box", f"{len(p.box or ())} pairs", f"give {inputs}, one for each feature")
