"""What the sets on a window, which theorem S14 compares, ask of the last layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from certify.format.errors import SpecError
from certify.format.quantities import EXCESS, HAUSDORFF
from certify.format.theorems import S14, Theorem

if TYPE_CHECKING:
    from certify.spec.models import Spec

QUANTITIES: Final = (EXCESS.name, HAUSDORFF.name)

MOST = 400
"""Inputs of the last layer, a 1 for its bias included, above which S14 is refused."""


def require_few_inputs(spec: Spec, name: str, theorems: Iterable[Theorem]) -> None:
    """Refuse sets on a window of a last layer with many inputs.

    Raises:
        SpecError: with the number that S14 takes.
    """
    widths = spec.model.widths or (0, 0)
    if S14 in theorems and widths[-2] >= MOST:
        raise SpecError(f"{name}: model.widths", f"{widths[-2]} inputs of the last layer, whose sets of exact fits are "
                        "compared on a window", f"use fewer than {MOST}")
