"""Which solutions a new spec asks about: exact fits where the weights can fit every row, else a critical point."""

from __future__ import annotations

from typing import Final

from certify.auditing.facts import DataFacts, NetworkFacts

INTERPOLATION: Final = ("interpolation", "given")
SUBLEVEL: Final = ("sublevel", "given")
CRITICAL: Final = ("critical", "nearby")
"""Map and base."""


def asked_about(network: NetworkFacts, rows: DataFacts) -> tuple[tuple[str, str], str]:
    """Map and base of a spec that `certify run` can answer, and why they are not the usual ones; "" where they are.

    Every row has an equation for each output, and exact fits need as many weights: of n rows and k outputs a network
    with fewer than n·k has none that is regular, and a spec about them is refused.

    >>> import numpy as np
    >>> wide, rows = NetworkFacts((3, 8, 1), "tanh"), DataFacts("X", "y", np.zeros(41))
    >>> asked_about(wide, rows)
    (('interpolation', 'given'), '')
    >>> asked_about(wide, DataFacts("X", "y", np.zeros(42)))[0]
    ('critical', 'nearby')
    """
    if network.graph:
        return SUBLEVEL, ""
    pairs = list(zip(network.widths[:-1], network.widths[1:], strict=True))
    equations = 0 if rows.y is None or not network.widths else len(rows.y) * network.widths[-1]
    weights = sum((inputs + 1) * outputs for inputs, outputs in pairs)  # of layers without biases there are fewer
    if equations <= weights:
        return INTERPOLATION, ""
    return CRITICAL, (f"map is critical, as {equations} equations (rows × outputs) are more than {weights} weights can "
                      "fit exactly: the spec asks how the minimum that training ends at moves, and needs the weight "
                      "decay it had")
