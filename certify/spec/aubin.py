"""What explicit radii of the Aubin property ask of a spec (Q1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.errors import SpecError

if TYPE_CHECKING:
    from certify.spec.models import Spec


def check_aubin(spec: Spec, name: str) -> None:
    """Refuse a gate on `aubin`, or a section `[aubin]`, where Q1 is not built, and a section that nothing uses.

    Raises:
        SpecError: with what would work.
    """
    gates = [number for number, gate in enumerate(spec.gate, 1) if gate.quantity == "aubin"]
    if spec.gate and spec.aubin is not None and not gates:
        raise SpecError(f"{name}: [aubin]", "no gate asks for it", 'add a gate with quantity = "aubin", or remove it')
    if not gates and spec.aubin is None:
        return
    where = f"{name}: gate {gates[0]}" if gates else f"{name}: [aubin]"
    p, solution = spec.perturbation, spec.solution
    for wrong, found, use in (
        (solution.map != "interpolation", f'map = "{solution.map}"', 'map = "interpolation", or quantity = "modulus"'),
        (solution.base != "given", f'base = "{solution.base}"', 'base = "given"'),
        (solution.layer != "all", f"layer = {solution.layer}", 'layer = "all"'),
        (spec.weights.norm != "euclidean", f'weights.norm = "{spec.weights.norm}"', 'norm = "euclidean"'),
        (p.set != "total", f'set = "{p.set}"', 'set = "total"'),
        (p.columns is not None or p.scale is not None, "columns or scale", "all features in units of the data"),
        (spec.run.arithmetic == "exact", 'arithmetic = "exact"', 'arithmetic = "float"'),
    ):
        if wrong:
            raise SpecError(where, f"aubin is not built yet for {found}", f"use {use}")
