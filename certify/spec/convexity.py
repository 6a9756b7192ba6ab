"""Where a strongly convex last layer is asked for (Q6), and what it needs: one solution, finite changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.spec.vocabulary import DATA_FORMATS

if TYPE_CHECKING:
    from certify.spec.models import Spec

CONVEX: Final = ("distance", "stable_predictions", "prediction_change")
"""Quantities of the critical map at finite size: of a strongly convex last layer alone."""

PREDICTIONS: Final = ("stable_predictions", "prediction_change")
FIRST_ORDER: Final = "first_order_prediction_change"
"""The limit for small changes, of any network (P1); no statement at finite size."""
OUTPUT_CHANGE: Final = "output change to first order"
"""Its unit."""

_OTHERS: Final = "distance, stable_predictions and prediction_change of the critical map"


def asks_for_convexity(map: str, quantities: Collection[str], set: str = "total") -> bool:
    """Whether a problem is about finite changes of a convex last layer; one given change is about any network.

    >>> asks_for_convexity("critical", ("modulus",)), asks_for_convexity("critical", ("distance",))
    (False, True)
    """
    return map == "critical" and set != "given" and any(q in CONVEX for q in quantities)


def require_predictions(spec: Spec, name: str) -> None:
    """Refuse predictions without evaluation rows, or of another map, and evaluation rows that nothing uses.

    Raises:
        SpecError: with what would work.
    """
    asked = [gate.quantity for gate in spec.gate if gate.quantity in (*PREDICTIONS, FIRST_ORDER)]
    fits = spec.solution.map == "interpolation"
    finite = next((quantity for quantity in asked if quantity in PREDICTIONS
                   and not (fits and quantity == "stable_predictions")), None)
    if asked and (spec.solution.map == "sublevel" or (finite and spec.solution.map != "critical")):
        more = ", layer = the last one and a weight decay" if finite else ' or "interpolation"'
        raise SpecError(f"{name}: gate", f'{finite or asked[0]} is not built yet for map = "{spec.solution.map}"',
                        f'use map = "critical"{more}')
    if asked and spec.evaluation is None:
        raise SpecError(f"{name}: [evaluation]", f"missing, and {asked[0]} needs it",
                        'add [evaluation] with file = "…", the rows whose predictions are compared')
    if not asked and spec.evaluation is not None:
        raise SpecError(f"{name}: [evaluation]", "no gate is about predictions",
                        f"remove the section, or add a gate on {', '.join(PREDICTIONS)} or {FIRST_ORDER}")
    if FIRST_ORDER in asked and spec.weights.norm != "euclidean":
        raise SpecError(f'{name}: weights.norm = "{spec.weights.norm}"', f"not built with {FIRST_ORDER}",
                        'use norm = "euclidean"; of critical points with a nonsingular Hessian no norm changes it')
    if FIRST_ORDER in asked and spec.perturbation.set != "given" and spec.perturbation.radius is None:
        raise SpecError(f"{name}: perturbation.radius", f"missing, and {FIRST_ORDER} needs it",
                        "give perturbation.radius, the size of the change")
    if spec.evaluation is not None:
        ending = "." + spec.evaluation.file.rpartition(".")[2].lower()
        if ending not in DATA_FORMATS:
            raise SpecError(f'{name}: evaluation.file = "{spec.evaluation.file}"',
                            f"'{ending}' is none of its formats", f"save it as {', '.join(DATA_FORMATS)}")


def require_direction(spec: Spec, name: str) -> None:
    """Refuse `direction = "down"` but for sample weights of a strongly convex last layer at finite size.

    Raises:
        SpecError: with what would work.
    """
    p, asked = spec.perturbation, [gate.quantity for gate in spec.gate]
    if p.direction is None:
        return
    where = f'{name}: perturbation.direction = "{p.direction}"'
    if p.parameter != "sample_weights":
        raise SpecError(where, f'given with parameter = "{p.parameter}"',
                        'remove it, it belongs to parameter = "sample_weights"')
    if not asks_for_convexity(spec.solution.map, asked, p.set):
        raise SpecError(where, "limits here are for changes both ways, and one given change has its own",
                        f"remove it, or ask for {_OTHERS}, of the last layer")


def require_convexity(spec: Spec, name: str) -> None:
    """Refuse a spec of the critical map at finite size that is not about a strongly convex last layer.

    Raises:
        SpecError: with what would work.
    """
    p, asked = spec.perturbation, [gate.quantity for gate in spec.gate]
    other = next((q for q in asked if q not in CONVEX), None)
    if other is not None:
        raise SpecError(f"{name}: gate", f"{other} beside quantities at finite size",
                        f"put it into a spec of its own, apart from {_OTHERS}")
    if p.set == "given" or p.norm != 2:
        raise SpecError(f'{name}: perturbation.set = "{p.set}"', f"with norm = {p.norm} and map = \"critical\"",
                        'use set = "total", "per_sample" or "sparse" with norm = 2')
    if spec.solution.base != "nearby":
        raise SpecError(f'{name}: solution.base = "{spec.solution.base}"', f"with {asked[0]}",
                        'use base = "nearby": the one solution is proved to lie near the weights in the file')
    if spec.weights.norm != "euclidean":
        raise SpecError(f'{name}: weights.norm = "{spec.weights.norm}"', f"not built with {asked[0]}",
                        'use norm = "euclidean"')
    last = None if spec.model.widths is None else len(spec.model.widths) - 1
    if spec.solution.layer != last and not (spec.solution.layer == "all" and last == 1):
        raise SpecError(f"{name}: solution.layer", f"{spec.solution.layer!r}: the training loss need not be convex in "
                        "it", f"use layer = {last}, the last one")
    if not spec.training.weight_decay > 0:
        raise SpecError(f"{name}: training.weight_decay", f"{spec.training.weight_decay} with {asked[0]}",
                        "give one above 0: without it the solution need be neither unique nor stable")
    if p.radius is None and p.parameter != "labels":
        raise SpecError(f"{name}: perturbation.radius", f"missing, and {asked[0]} needs it", "give perturbation.radius")
    if p.parameter == "sample_weights" and p.radius > 1:
        raise SpecError(f"{name}: perturbation.radius", f"{p.radius} for sample weights",
                        "give at most 1: −1 deletes a row, and less would make the training loss non-convex")
