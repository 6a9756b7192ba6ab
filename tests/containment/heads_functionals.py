"""Containment of linear functionals of a head's weights (D1 to D7): rows with any number for the intercept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from certify.systems.head.rows.head import Head
from tests.containment.heads_rows import LOSSES, Drawn, forged, judged, kinds, require_near, require_survey
from tests.containment.registry import attack
from tests.containment.rigor import Outcome
from tests.families.row_heads import row_change, row_head

METHODS = {name: tuple(loss for loss in about if loss != "cross_entropy") for name, about in LOSSES.items()}
"""Of every method the losses with one output that it is about."""
FAR = 0.3
"""How often rows lie far from the origin, so that a free intercept is counted from their middle."""


def functionals(rng: np.random.Generator, head: Head) -> Head:
    """The head with other evaluation rows: single weights, differences of two, and rows times any number."""
    points = head.points.copy()
    for j in range(len(points)):
        kind = int(rng.integers(4))
        if kind == 0:
            points[j] = np.eye(head.m)[int(rng.integers(head.m))] * rng.choice([-1.0, 1.0, 3.0])
        elif kind == 1:
            points[j] = rng.standard_normal(head.m) * 10.0 ** rng.integers(-3, 3, head.m)
        else:
            points[j, -1] = float(rng.choice([0.0, -1.0, 5.0, 1e-3, 1e3]))
    return replace(head, points=points)


def moved(rng: np.random.Generator, head: Head) -> Head:
    """The head with rows far from the origin."""
    phi = head.phi.copy()
    phi[:, :-1] += rng.choice([-1.0, 1.0], head.m - 1) * 10.0 ** rng.uniform(1.3, 2.5)
    return replace(head, phi=phi)


@attack("functionals_of_heads", "D1", "D3", "D4", "D5", "D6", "D7", slow=20)
def functionals_of_heads(rng: np.random.Generator) -> Outcome:
    """One method after another against every refit, the checker with it, and arrays of easier problems."""
    tally: Counter[str] = Counter()
    name = str(rng.choice([name for name, losses in METHODS.items() if losses]))
    drawn = None
    for _ in range(20):
        head = row_head(rng, str(rng.choice(METHODS[name])))
        if head.k == 1 and head.m > 1 and (head.phi[:, -1] == 1.0).all():
            head = moved(rng, head) if head.free_intercept and rng.random() < FAR else head
            drawn = Drawn(functionals(rng, head))
            break
    if drawn is None:
        return "refused"
    with np.errstate(all="ignore"):
        require_near(drawn, False, rng)
        for relabels in kinds(drawn.head):
            change = row_change(rng, drawn.head, relabels, drawn.most(relabels))
            judged(name, drawn, change, 1.0, tally, True)
            forged(name, drawn, change, rng, tally)
            if rng.random() < 0.2:
                require_survey(drawn, change, tally)
    return "decided" if tally[f"{name} proved"] else "refused"
