"""Linear functionals of a head's weights in `[evaluation]`: what they go with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.quantities import MODULUS, QUANTITIES, Quantity
from certify.format.words import Map, Parameter, Set

if TYPE_CHECKING:
    from certify.spec.models import Evaluation, Gate, Spec


def require_functionals(spec: Spec, name: str) -> None:
    """Refuse evaluation rows from nowhere or from two places, and functionals where weights have no fixed meaning.

    Raises:
        SpecError: with what would work.
    """
    rows, where = spec.evaluation, f"{name}: evaluation"
    if rows is None:
        return
    _require_source(rows, where)
    key = "intercept" if rows.intercept is not None else "coefficients" if rows.coefficients is not None else ""
    if not key:
        if (of := next((gate.quantity for gate in spec.gate if _row(gate).signed), None)) is not None:
            raise SpecError(f"{where}.intercept", f"missing, and a gate is on {of}",
                            'name what multiplies the intercept in each row, or give coefficients = "all"')
        return
    model, p = spec.model, spec.perturbation
    if model.widths is None or len(model.widths) != 2 or model.widths[-1] != 1:
        said = "a network of a factory or graph" if model.widths is None else f"widths = {list(model.widths)}"
        raise SpecError(f"{where}.{key}", f"given with {said}, and functionals are of the weights of one layer with "
                        "one output", f"remove {key}, or give a head of widths [inputs, 1] on its features")
    whole = Parameter(p.parameter).discrete and not Set(p.set).gauge
    if not whole or not Map(spec.solution.map).stationary:
        raise SpecError(f"{where}.{key}", f'given with map = "{spec.solution.map}", parameter = "{p.parameter}", set = '
                        f'"{p.set}", and functionals are bounded where whole rows change',
                        f'use map = "critical" with parameter = "deletions" or "labels" and set = "sparse" or "given", '
                        f"or remove {key}")
    if p.fresh is not None:
        raise SpecError(f"{where}.{key}", "given with perturbation.fresh, and functionals are not built for new rows",
                        f"remove fresh, or {key}")
    if (of := next((gate.quantity for gate in spec.gate if _row(gate).right), None)) is not None:
        raise SpecError(f"{where}.{key}", f"given with a gate on {of}, and a functional has no right label",
                        f"remove {key}, or that gate")


def _row(gate: Gate) -> Quantity:
    """What is known of the quantity of a gate; of those that are only estimated nothing."""
    return QUANTITIES.get(gate.quantity, MODULUS)


def _require_source(rows: Evaluation, where: str) -> None:
    """Rows are in a file, or are columns."""
    if rows.file is None and rows.coefficients is None:
        raise SpecError(where, "'file' is missing", "give file (the rows whose predictions are compared), or "
                        'coefficients = "all" for the weights of a head')
    beside = [key for key in ("file", "features", "targets", "intercept") if getattr(rows, key) is not None]
    if rows.coefficients is not None and beside:
        raise SpecError(f"{where}.coefficients", f"given with {beside[0]}, and single weights are in no file",
                        f"remove {beside[0]}, or coefficients")
