"""What the keys of `[weights]` and `solution.within` need of one another, and the range of τ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.words import Base, WeightNorm

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_reference(spec: Spec, name: str) -> None:
    """Refuse a function norm without reference rows, reference rows and τ without it, and τ out of range.

    Raises:
        SpecError: with what would work.
    """
    weights = spec.weights
    rows = WeightNorm(weights.norm).rows
    if rows and weights.reference is None:
        raise SpecError(f'{name}: weights.norm = "{weights.norm}"', "weights.reference is missing",
                        "name the data file whose rows the weights are compared on, e.g. that of the training data")
    for key in ("reference", "tau"):
        if getattr(weights, key) is not None and not rows:
            raise SpecError(f"{name}: weights.{key}", f'given with norm = "{weights.norm}"',
                            f'remove it, it belongs to norm = "{WeightNorm.FUNCTION}"')
    if weights.tau is not None and not 2.0**-40 <= weights.tau <= 2.0**40:
        raise SpecError(f"{name}: weights.tau", f"found {weights.tau}", "give a number from 2^-40 to 2^40")


def require_within(spec: Spec, name: str) -> None:
    """Refuse a largest distance of the solution where it is the given weights.

    Raises:
        SpecError: names the key.
    """
    solution = spec.solution
    if solution.within is not None and not Base(solution.base).near:
        raise SpecError(f"{name}: solution.within", f'given with base = "{solution.base}", whose distance is 0',
                        f'remove it, it belongs to base = "{Base.NEARBY}"')
