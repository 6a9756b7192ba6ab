"""What the norm of the weights needs, and where it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_weight_norm(spec: Spec, name: str) -> None:
    """Refuse a norm of the weights that lacks something, or is not built for what is asked.

    Raises:
        SpecError: with what would work.
    """
    weights = spec.weights
    if weights.norm == "function" and weights.reference is None:
        raise SpecError(f'{name}: weights.norm = "function"', "weights.reference is missing",
                        "name the data file whose rows the weights are compared on, e.g. that of the training data")
    for key in ("reference", "tau"):
        if getattr(weights, key) is not None and weights.norm != "function":
            raise SpecError(f"{name}: weights.{key}", f'given with norm = "{weights.norm}"',
                            'remove it, it belongs to norm = "function"')
    if weights.tau is not None and not 2.0**-40 <= weights.tau <= 2.0**40:
        raise SpecError(f"{name}: weights.tau", f"found {weights.tau}", "give a number from 2^-40 to 2^40")
    if weights.norm != "euclidean" and spec.model.graph is not None:
        raise SpecError(f'{name}: weights.norm = "{weights.norm}"', "not built for a network given by a graph",
                        'use norm = "euclidean"')
