"""Linear functionals of the weights of a network's one layer, where they stand in the place of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Functionals:
    """A row x with t is the functional `x·u + tβ` of weights u and intercept β.

    Attributes:
        intercepts: `(N,)` the t of every evaluation row.
        names: of the functionals, where they are single weights; None: they are rows of a file.
    """

    intercepts: NDArray[np.float64]
    names: tuple[str, ...] | None = None
