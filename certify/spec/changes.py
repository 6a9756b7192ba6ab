"""What one given change of the data asks of the critical map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.spec.convexity import PREDICTIONS

if TYPE_CHECKING:
    from certify.spec.models import Spec


def flips(spec: Spec) -> bool:
    """Whether class labels may change: to others, at finite size (`distance`), as nothing moves them a little."""
    critical = (spec.solution.map, spec.solution.base, spec.perturbation.set) == ("critical", "nearby", "given")
    return critical and bool(spec.gate) and all(gate.quantity == "distance" for gate in spec.gate)


def require_critical_change(spec: Spec, name: str) -> None:
    """Refuse what is not built for `map = "critical"` with `set = "given"`.

    Args:
        spec: such a spec.
        name: its file's name, for messages.

    Raises:
        SpecError: with what would work.
    """
    other = next((g.quantity for g in spec.gate if g.quantity in PREDICTIONS), None)
    if other is not None:
        raise SpecError(f"{name}: gate", f'{other} is not built for set = "given"', 'use set = "total" with a radius')
    if spec.solution.base != "nearby" and any(gate.quantity == "distance" for gate in spec.gate):
        raise SpecError(f'{name}: solution.base = "{spec.solution.base}"',
                        "the distance between critical points is not built for it", 'use base = "nearby"')
    if spec.weights.norm != "euclidean" and any(gate.quantity == "distance" for gate in spec.gate):
        raise SpecError(f'{name}: weights.norm = "{spec.weights.norm}"',
                        "the distance between critical points is not built for it", 'use norm = "euclidean"')
    if spec.perturbation.parameter == "targets" and spec.training.loss != "squared" and not flips(spec):
        raise SpecError(f'{name}: perturbation.parameter = "targets"', f'with loss = "{spec.training.loss}"',
                        'use parameter = "features" or "sample_weights", or loss = "squared", or for labels that flip '
                        'gates on "distance" alone with base = "nearby"')
