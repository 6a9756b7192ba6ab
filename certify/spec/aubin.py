"""What explicit radii of the Aubin property ask of a spec (Q1, Q5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.spec.models import Spec


def asked_radii(spec: Spec | None) -> tuple[float | None, float | None, float | None]:
    """`radius_u`, `radius_w` and the factor that the spec asks for, each None where it leaves it open.

    Of several gates the strictest counts.
    """
    if spec is None:
        return None, None, None
    most = min((gate.max for gate in spec.gate if gate.quantity == "aubin" and gate.max is not None), default=None)
    return (None, None, most) if spec.aubin is None else (spec.aubin.radius_u, spec.aubin.radius_w, most)


def require_aubin(spec: Spec, name: str) -> None:
    """Refuse a gate on `aubin`, or a section `[aubin]`, where neither Q1 nor Q5 is built, and one that nothing uses.

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
    sublevel = solution.map == "sublevel"
    for wrong, found, use in (
        (solution.map == "critical", 'map = "critical"', 'map = "interpolation" or "sublevel", or ask for modulus'),
        (sublevel and solution.level is not None, "a level above the loss", "no level: that of the given weights"),
        (sublevel and p.parameter == "sample_weights", 'parameter = "sample_weights"', "features or targets"),
        (spec.model.graph is not None, "a network given by a graph", "widths and activation of a plain network"),
        (solution.base != "given", f'base = "{solution.base}"', 'base = "given"'),
        (solution.layer != "all" and not sublevel, f"layer = {solution.layer}", 'layer = "all"'),
        (spec.weights.norm != "euclidean", f'weights.norm = "{spec.weights.norm}"', 'norm = "euclidean"'),
        (p.set != "total", f'set = "{p.set}"', 'set = "total"'),
        (p.columns is not None or p.scale is not None, "columns or scale", "all features in units of the data"),
        (spec.run.arithmetic == "exact", 'arithmetic = "exact"', 'arithmetic = "float"'),
    ):
        if wrong:
            raise SpecError(where, f"aubin is not built yet for {found}", f"use {use}")
