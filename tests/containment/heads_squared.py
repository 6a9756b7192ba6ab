"""Attack on D3 and D4: small heads at every scale, each answer against every change of every subset in rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_deletions as deletions
from certify.check.theorems.head.rows import squared_labels as relabelling
from certify.check.theorems.head.rows.squared.targets import sums
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_labels import SquaredLabels
from certify.theorems.head.targets import ends_of
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles import squared_head as oracle


def drawn(rng: np.random.Generator) -> tuple[SmallHead, int]:
    """A head, sometimes with the decay far off and a point moved to a thin margin."""
    outputs = int(rng.choice([1, 1, 3]))
    small = small_head(rng, int(rng.integers(2, 8 if outputs == 1 else 6)), outputs, 2)
    return small, outputs


@attack("heads_squared_labels", "D3", slow=4)
def labels(rng: np.random.Generator) -> Outcome:
    """Numbers of tolerated labels by prover and checker against the exact number."""
    small, _ = drawn(rng)
    head, n = as_head(small), len(small.phi)
    may = [[c for c in range(len(small.codes)) if c != own] for own in small.label]
    count = int(rng.integers(0, n + 1))
    part = SquaredLabels().prove(head, RowChange(True, count, tuple(range(n))), head.today >= 0, Budget())
    if part is None:
        return "refused"
    assert part.tolerated is not None
    assert part.flips is not None
    checked = relabelling.proved(as_checked(small, head, tuple(range(n)), count, True), {}, "claim", [True] * 2)
    for j in np.flatnonzero(head.today >= 0):
        strict, loose = oracle.tolerated_labels(
            small.phi.tolist(), small.Y.tolist(), small.mu, small.decayed.tolist(), small.points[j].tolist(),
            int(head.today[j]), small.codes.tolist(), may, small.threshold)
        if part.tolerated[0][j] > strict or part.tolerated[1][j] < loose or (checked[j] and count > strict):
            raise Violation(f"{part.tolerated} or {count} changes are tolerated, {strict} is exact")
        if part.flips.point[j] >= 0 and count <= loose:
            raise Violation(f"{count} changes flip, {loose} do not")
    return "decided" if part.proved.any() else "refused"


@attack("heads_squared_deletions", "D4", slow=4)
def deleted(rng: np.random.Generator) -> Outcome:
    """Rows proved to stay under deletions by prover and checker, against every deletion."""
    small, _ = drawn(rng)
    remaining, n = bool(rng.random() < 0.5), len(small.phi)
    head, count = as_head(small, remaining), int(rng.integers(0, 4))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist()))
    part = SquaredDeletions().prove(head, RowChange(False, count, rows), head.today >= 0, Budget())
    assert part is not None
    twin = as_checked(small, head, rows, count, False)
    arrays = {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in part.arrays.items()}
    sides = [part.proved.tolist(), deletions.proved(twin, {}, "claim", [True] * 2)]
    if arrays:
        sides.append(deletions.proved(twin, arrays, "claim", part.proved.tolist()))
    lam = Fraction(head.weight_decay)
    mus = [lam * (n - d if remaining else n) for d in range(count + 1)]
    for j in np.flatnonzero(np.any(sides, axis=0)):
        for d in range(min(count, len(rows)) + 1):
            worst = oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), mus, small.decayed.tolist(),
                                          small.points[j].tolist(), int(head.today[j]), rows, d, small.threshold)
            if worst is None or worst <= 0:
                raise Violation(f"{d} deletions leave {worst}, and the row is proved to stay under {count}")
    return "decided" if part.proved.any() else "refused"


@attack("heads_squared_targets", "D22", slow=4)
def targets(rng: np.random.Generator) -> Outcome:
    """Both ends of prover and checker against a refit for every corner of the targets' box."""
    small = small_head(rng, int(rng.integers(2, 6)), 1, 2)
    head, n = as_head(small), len(small.phi)
    radii = np.abs(np.round(rng.standard_normal(n), 2)) * (rng.random(n) < 0.8) * 10.0 ** rng.integers(-4, 5)
    found, twin = ends_of(head, radii), as_checked(small, head, tuple(range(n)), n, False)
    seen = sums(twin, [Fraction(r) for r in radii.tolist()])
    if isinstance(found, str):
        return "refused"
    for j, point in enumerate(small.points.tolist()):
        exact = oracle.worst_targets(small.phi.tolist(), small.Y.tolist(), Fraction(head.weight_decay) * n,
                                     small.decayed.tolist(), point, [Fraction(r) for r in radii.tolist()])
        if not Fraction(float(found.lower[j])) <= exact <= Fraction(float(found.upper[j])):
            raise Violation(f"the prover says {found.lower[j]} to {found.upper[j]}, {float(exact)} is exact")
        if seen is not None and not seen[j].contains(arb(exact.numerator) / exact.denominator):
            raise Violation(f"the checker says {seen[j]}, {float(exact)} is exact")
    return "decided"

