"""The explicit radii of the Aubin property that a spec asks for (Q1, Q5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.quantities import AUBIN

if TYPE_CHECKING:
    from certify.spec.models import Spec


def asked_radii(spec: Spec | None) -> tuple[float | None, float | None, float | None]:
    """`radius_u`, `radius_w` and the factor that the spec asks for, each None where it leaves it open.

    Of several gates the strictest counts.
    """
    if spec is None:
        return None, None, None
    most = min((gate.max for gate in spec.gate if gate.quantity == AUBIN.name and gate.max is not None), default=None)
    return (None, None, most) if spec.aubin is None else (spec.aubin.radius_u, spec.aubin.radius_w, most)
