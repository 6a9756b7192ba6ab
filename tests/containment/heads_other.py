"""Attack on D1, D2 with losses that heads alone know, and with weights: each answer against every refit in 300 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import ctx

from certify.check.theorems.head.rows import enumeration
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.survey import survey
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import any_rows, ball_head
from tests.families.logistic_heads import stored
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.oracles import head_rows

WEIGHTS = ("", "", "rows", "labels", "both", "balanced")


@attack("heads_other_losses", "D1", slow=20)
def answers(rng: np.random.Generator) -> Outcome:
    """Any loss and weights, scales, decays and thin margins: what stays and what flips, and the checker's answer."""
    loss = str(rng.choice([*LABELLED, *NUMBERS]))
    weights = str(rng.choice(WEIGHTS if loss in LABELLED else WEIGHTS[:3]))
    relabels = bool(loss in LABELLED and rng.random() < 0.5)
    head = other_head(rng, loss, n=int(rng.integers(5, 8)), d=1, N=4, weights=weights,
                      k=int(rng.integers(2, 4)) if loss == "one_vs_rest" else int(rng.choice([1, 1, 2])),
                      scale=float(10.0 ** rng.choice([-3.0, -1.0, 0.0, 1.0, 2.0])),
                      decay=float(10.0 ** rng.uniform(-5, 1)),
                      remaining=bool(rng.random() < 0.5) and not relabels)
    if head.k == 1:  # a thin margin, and weights that were stopped early
        f = head.points @ head.V[0]
        head = replace(head, threshold=float(f[0] * (1 + 10.0 ** -rng.uniform(1, 13))))
    head = replace(head, V=head.V * (1 + 1e-4 * rng.normal(size=head.V.shape)))
    if isinstance(head.weights, RowWeights) and rng.random() < 0.3:
        head = replace(head, weights=replace(head.weights, rows=head.weights.rows * 10.0 ** rng.uniform(-4, 4)))
    change = any_rows(head, 1, relabels)
    found = survey(head, change, methods=("enumeration",))
    if not (found.proved | found.attacked).any():
        return "refused"
    try:
        truth = head_rows.stays(head, change)
    except (AssertionError, ZeroDivisionError):  # some refit does not exist
        if found.proved.any():
            raise Violation("a prediction is proved to stay, and a refit does not exist") from None
        return "refused"
    if (found.proved & ~truth).any() or (found.attacked & truth).any():
        raise Violation(f"{loss}, {weights}: {found.status} is stated, {truth} stay")
    if not weights and "enumeration" in found.parts:
        arrays = stored(dict(found.parts["enumeration"].arrays))
        with ctx.workprec(BITS):
            asked = found.proved.tolist()
            own = enumeration.proved(ball_head(head, change), arrays, "it", asked)
        if [yes and not own[j] for j, yes in enumerate(asked)].count(True):
            raise Violation(f"{loss}: the checker refuses what the prover states")
    return "decided"
