"""What a spec has to say where class labels become others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.spec.convexity import CONVEX, asks_for_convexity

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_labels(spec: Spec, name: str) -> None:
    """Refuse `parameter = "labels"` but for finite changes of a strongly convex last layer.

    Raises:
        SpecError: with what would work.
    """
    p, where = spec.perturbation, f'{name}: perturbation.parameter = "labels"'
    if p.parameter != "labels":
        return
    if spec.solution.map != "critical" or not asks_for_convexity("critical", [g.quantity for g in spec.gate], p.set):
        raise SpecError(where, "a label has no small change, and what is bounded is finite, in the last layer",
                        f'use map = "critical" with the last layer and gates on {", ".join(CONVEX)}; or for one given '
                        'change parameter = "targets" with set = "given"')
    if spec.training.loss == "squared":
        raise SpecError(where, 'with loss = "squared"', 'use loss = "cross_entropy" or "logistic", or parameter = '
                        '"targets"')
    if p.set not in ("sparse", "per_sample"):
        raise SpecError(f'{name}: perturbation.set = "{p.set}"', 'with parameter = "labels"',
                        'use set = "sparse" with count = the most labels that change, or "per_sample" for all')
    if p.radius is not None:
        raise SpecError(f"{name}: perturbation.radius", f"{p.radius} with parameter = \"labels\", which has no size",
                        "remove it: a label becomes any other")
