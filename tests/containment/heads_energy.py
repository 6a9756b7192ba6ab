"""Containment of D7: no random relabelling moves a point that its energies proved to stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.energy import Energy
from certify.theorems.head.rows.method import Budget
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families.class_heads import class_head, refit

TRIES = 30


@attack("heads_energy", "D7", slow=4)
def of_relabelled_rows(rng: np.random.Generator) -> Outcome:
    """Points proved for drawn heads, on sides of drawn thresholds, under drawn relabellings, refitted in floats."""
    k = int(rng.choice([1, 1, 3]))
    head = class_head(rng, int(rng.integers(5, 14)), k, apart=float(rng.uniform(0.5, 5.0)))
    count = int(rng.integers(1, 4 if k == 1 else 3))
    if k == 1:
        head = replace(head, threshold=float(rng.choice([0.0, 0.2, -1.0])))
    change = RowChange(True, count, tuple(range(head.n)))
    part = Energy().prove(head, change, head.today >= 0, Budget(2.0))
    if part is None or not part.proved.any() or head.codes is None or head.label is None:
        return "refused"
    for _ in range(TRIES):
        rows = rng.permutation(head.n)[: int(rng.integers(1, count + 1))]
        Y = head.Y.copy()
        for i in rows:
            Y[i] = head.codes[rng.choice([c for c in range(len(head.codes)) if c != head.label[i]])]
        F = head.points @ refit(head.phi, Y, head.n * head.weight_decay, head.decayed, 60).T
        now = (F[:, 0] > head.threshold).astype(np.int64) if k == 1 else F.argmax(1)
        expect(bool((now == head.today)[part.proved].all()), "a point that was proved to stay moves")
    return "decided"
