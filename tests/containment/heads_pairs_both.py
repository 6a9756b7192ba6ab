"""Containment of D1c for a deleted and a relabelled row, as the checker derives it: any arrays, against every refit."""

from __future__ import annotations

import numpy as np

from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.pairs_both import pairs_head

NEAR = 1e-9


@attack("checked_pairs_both", "D33", slow=10)
def checked_pairs_both(rng: np.random.Generator) -> Outcome:
    """One row deleted and one other relabelled: every point that the checker says stays does, whatever the arrays."""
    one = pairs_head(rng)
    part, least = one.part(), one.least
    if (part.proved & (least < -NEAR)).any():
        raise Violation("the prover says of a point that it stays, and a choice flips it")
    if not part.proved.any():
        return "refused"
    if not np.array(one.accepted(part.arrays, part.proved))[part.proved].all():
        raise Violation("the checker does not follow the prover")
    arrays = dict(part.arrays)
    for name in ("weights", "shares", "units", "basis"):
        size = float(10.0 ** rng.uniform(-6, 0)) * float(np.abs(arrays[name]).max(initial=0.0)) * (rng.random() < 0.4)
        moved = arrays[name] + size * rng.normal(size=arrays[name].shape)
        arrays[name] = moved.astype(arrays[name].dtype)
    arrays["shares"] = arrays["shares"] / np.maximum(np.abs(arrays["shares"]).sum(axis=1, keepdims=True), 1.0 + 1e-6)
    for j in range(0, len(least), 4):
        asked = [at == j for at in range(len(least))]
        for some in (part.arrays, arrays):
            if one.accepted(some, asked)[j] and not least[j] > -NEAR:
                raise Violation("the checker says of a point that it stays, and a choice flips it")
    return "decided"
