"""A word on weights that can be rescaled: a gate on their Euclidean length is then met without another function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from certify.format.quantities import QUANTITIES
from certify.format.words import WeightNorm
from certify.problem.norms.table import WEIGHT_NORMS
from certify.rigor.activation import activation

PROBES: Final = np.array([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0])


def rescaling_note(certificate: Mapping[str, Any]) -> str:
    """That layers can be rescaled against one another, in words; empty where no gate counts weights, or they cannot.

    >>> rescaling_note({"claims": [], "problem": {}})
    ''
    """
    problem = certificate["problem"]
    gated = [claim["quantity"] for claim in certificate["claims"]
             if claim["gate"] and "{distance}" in QUANTITIES[claim["quantity"]].unit]
    layers = len(problem.get("widths", ())) - 1
    if not gated or layers < 2 or isinstance(problem["layer"], int) or problem["weight_decay"]:
        return ""
    word = problem["weight_norm"]
    if WEIGHT_NORMS[word].own_units or WeightNorm(word).rows or not _homogeneous(problem["activation"]):
        return ""
    return (f"{' and '.join(dict.fromkeys(gated))} {'counts' if len(set(gated)) == 1 else 'count'} weights by their "
            f"Euclidean length, which changes when one layer is multiplied and the next divided, while the network "
            f'does not: compare networks with [weights] norm = "relative" or "function"')


def _homogeneous(name: str) -> bool:
    """Whether `φ(2z) = 2φ(z)` at all probes, where these activations are exact."""
    phi = activation(name)
    once, twice = phi.enclose(PROBES, 0)[0].mid, phi.enclose(2.0 * PROBES, 0)[0].mid
    return bool((twice == 2.0 * once).all())
