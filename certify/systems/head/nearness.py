"""When the one solution of a last layer lies far from the weights in the file, and what explains it."""

from __future__ import annotations

from typing import Final

FAR: Final = 1e-3
"""Share of the length of the given weights beyond which the one solution is pointed out to be another point."""

ANOTHER: Final = 0.1
"""Share of that length beyond which the one solution is likely that of another training: solvers stop nearer to it."""

EXPLAINED: Final = 2.0**-6
"""Share of the gradient that may be left when the weight decay of the biases is said to be its cause."""
