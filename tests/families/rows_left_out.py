"""A head on which a bound is false if the share of the rows that are left out of the curvature is forgotten (D6)."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from tests.families.logistic_heads import refit

ROWS: Array = np.array([[1.0], [1.0]] + [[0.01]] * 100)
DECAY: Array = np.array([0.068])
CHANGED, AWAY = 2, 1e-3


def weights_and_distance(relabels: bool) -> tuple[Array, float]:
    """Weights near the refit with a short row changed, and how far it is in the norm of the Hessian at the centre 0.

    The two long rows have most of the curvature at 0 and little of it near the refit: they are left out.
    """
    S, kept = ROWS.copy(), np.ones(len(ROWS))
    if relabels:
        S[CHANGED] *= -1.0
    else:
        kept[CHANGED] = 0.0
    curvature = 0.25 * float((ROWS * ROWS).sum()) + float(DECAY[0])
    return refit(S, kept, DECAY) + AWAY, float(np.sqrt(curvature)) * AWAY
