"""What a window, and the two quantities on it, ask of a spec (S14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.spec.models import Spec

QUANTITIES = ("excess", "hausdorff")

MOST = 400
"""Inputs of the last layer, a 1 for its bias included, above which S14 is refused."""


def require_window(spec: Spec, name: str) -> None:
    """Refuse a gate on `excess` or `hausdorff`, or a section `[window]`, where S14 is not built or one lacks the other.

    Raises:
        SpecError: with what would work.
    """
    gates = [number for number, gate in enumerate(spec.gate, 1) if gate.quantity in QUANTITIES]
    if spec.gate and spec.window is not None and not gates:
        raise SpecError(f"{name}: [window]", "no gate asks for it",
                        'add a gate with quantity = "excess" or "hausdorff", or remove it')
    if not gates and spec.window is None:
        return
    where = f"{name}: gate {gates[0]}" if gates else f"{name}: [window]"
    asked = spec.gate[gates[0] - 1].quantity if gates else "excess"
    widths = spec.model.widths or ()
    layers, p, solution = len(widths) - 1, spec.perturbation, spec.solution
    for wrong, found, use in (
        (solution.map != "interpolation", f'map = "{solution.map}"', 'map = "interpolation", or quantity = "modulus"'),
        (solution.base != "given", f'base = "{solution.base}"', 'base = "given"'),
        (spec.model.widths is None, "a network without widths", "model.widths and model.activation"),
        (solution.layer != layers and (solution.layer != "all" or layers > 1), f"layer = {solution.layer}".replace(
            "all", '"all"'), f"layer = {layers}, the last, in whose weights the sets of exact fits are affine"),
        (layers > 0 and widths[-2] >= MOST, f"{widths[-2:][0] if widths else 0} inputs of the last layer",
         f"fewer than {MOST}"),
        (spec.weights.norm != "euclidean", f'weights.norm = "{spec.weights.norm}"', 'norm = "euclidean"'),
        (p.set != "given", f'set = "{p.set}"', 'set = "given" with the file of one change'),
        (spec.run.arithmetic == "exact", 'arithmetic = "exact"', 'arithmetic = "float"'),
    ):
        if wrong:
            raise SpecError(where, f"{asked} is not built yet for {found}", f"use {use}")
    if spec.window is None:
        raise SpecError(where, f"{asked} needs a window, and there is no [window]",
                        "give [window] radius, the size of the ball around the given weights")
