"""Containment of D32 as the checker derives it: squared-loss heads next to their worst choice, in fractions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.finders.head.plain import PlainRefits
from tests.containment.heads_both import every_choice
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.both_heads import BothHead, both_head, edges
from tests.families.near_flips import thin

SHARES = np.array([-1e-5, 1e-3, -1e-3, 0.03])


def near(one: BothHead, rng: np.random.Generator) -> list[BothHead]:
    """Heads with points that a choice hardly flips, or hardly does not."""
    if one.head.k == 1:
        gap, j = float(10.0 ** rng.uniform(-9, -1)), int(rng.integers(len(one.head.points)))
        return list(edges(one, j, gap) or ())
    plain = PlainRefits(one.head)
    W = [plain.newton(some, np.repeat(one.head.V[None], len(some), axis=0))
         for some in every_choice(one.head, one.change)]
    return [replace(one, head=thin(rng, one.head, np.concatenate(W), SHARES)[0])]


@attack("checked_rows_both", "D32", slow=10)
def checked_rows_both(rng: np.random.Generator) -> Outcome:
    """Up to three rows deleted and up to two others relabelled: every point that the checker says stays does."""
    one, said = both_head(rng), False
    for head in (one, *near(one, rng)):
        found = head.accepted()
        if any(stays and not least > 0 for stays, least in zip(found, head.least, strict=True)):
            raise Violation("the checker says of a point that it stays, and a choice flips it")
        said = said or any(found)
    return "decided" if said else "refused"
