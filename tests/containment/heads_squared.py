"""Attack on D3, D4, D22, D23 and D31: small heads at every scale, each answer against every change in rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_deletions as deletions
from certify.check.theorems.head.rows import squared_labels as relabelling
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.head import Head as Checked
from certify.check.theorems.head.rows.moves.deleted import check_deleted
from certify.check.theorems.head.rows.moves.measures import Distance, Outputs
from certify.check.theorems.head.rows.moves.summed import check_summed
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.check.theorems.head.rows.squared.targets import sums
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions.relabelled import ends_of as relabelled_ends
from certify.theorems.head.rows.motions.relabelled import outputs_summed
from certify.theorems.head.rows.motions.summed import weights_summed
from certify.theorems.head.rows.moves.deleted import ends_of as moved_ends
from certify.theorems.head.rows.moves.deleted import stated
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

@attack("heads_squared_moved", "D23", slow=4)
def moved(rng: np.random.Generator) -> Outcome:
    """Both ends of prover and checker against every deletion; what is no bound, or of no point, is not accepted."""
    outputs = int(rng.choice([1, 1, 2, 3]))
    small = small_head(rng, int(rng.integers(4, 9)), outputs, 2)
    head, n, count = as_head(small), len(small.phi), int(rng.integers(1, 4))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(max(count, n - 3), n + 1)), replace=False).tolist()))
    largest = bool(rng.random() < 0.5)
    found = moved_ends(head, RowChange(False, count, rows), Budget(20.0), largest)
    if isinstance(found, str) or not np.isfinite(found.upper).any():
        return "refused"
    truth = [oracle.farthest_deletions(small.phi.tolist(), small.Y.tolist(), Fraction(head.weight_decay) * n,
                                       small.decayed.tolist(), point, rows, count) for point in small.points.tolist()]
    for j, exact in enumerate(truth):
        if exact is None:
            if np.isfinite(found.upper[j]):
                raise Violation("a refit is not unique, and an end is stated")
            continue
        ends = (found.upper[j], *found.falls[j], *found.rises[j])
        sizes = (*(x * x for x in (*exact[1], *exact[2])),)
        if Fraction(float(found.lower[j])) ** 2 > exact[0] or any(
                np.isfinite(end) and Fraction(float(end)) ** 2 < size
                for end, size in zip(ends, (exact[0], *sizes), strict=True)):
            raise Violation(f"the prover says {found.lower[j]} to {ends}, {float(exact[0]) ** 0.5} is exact")
    claim = stated(found, head.largest)
    if claim is None or not largest:
        return "decided"
    twin, (upper, arrays) = as_checked(small, head, rows, count, False), claim
    if not accepts(twin, head, upper, arrays):
        raise Violation("the checker does not accept what the prover states")
    _forged(rng, twin, head, (upper, arrays), truth)
    return "decided"


def _forged(rng: np.random.Generator, twin: Checked, head: Head, claim: tuple[float, dict[str, np.ndarray]],
            truth: list[tuple[Fraction, list[Fraction], list[Fraction]] | None]) -> None:
    """Bounds below the truth, of the whole or of one output, and trees that forget a point."""
    (upper, arrays), bounds = claim, claim[1]["bounds"]
    for j, exact in enumerate(truth):
        assert exact is not None  # else there is no upper end
        below = float(exact[0]) ** 0.5 * (1 - 2.0**-20)
        if below > 0 and accepts(twin, head, below, {**arrays, "bounds": bounds * (below / upper) * (1 - 2.0**-40)}):
            raise Violation(f"{below} is accepted, {float(exact[0])} is the square of the truth")
        for a in range(head.k):
            size = float(max(exact[1][a], exact[2][a])) * (1 - 2.0**-20)
            less = bounds.copy()
            less[j, a] = size
            if bounds[j, a] > size > 0 and accepts(twin, head, upper, {**arrays, "bounds": less}):
                raise Violation(f"{size} is accepted of output {a}")
    if accepts(twin, head, upper * (1 - 2.0**-20), arrays):
        raise Violation("bounds may be longer than the upper end")
    lengths, points = arrays["lengths"].copy(), arrays["points"]
    lengths[1] -= 1  # the first tree's first point
    if accepts(twin, head, upper, {**arrays, "lengths": lengths, "points": points[1:]}):
        raise Violation("no tree is of a point, and it is accepted")


def accepts(twin: Checked, head: Head, upper: float, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the checker does."""
    read = {name: Array(v.shape, tuple(np.ravel(v).tolist()), v.dtype.kind) for name, v in arrays.items()}
    flat = np.ravel(head.V).tolist()
    with ctx.workprec(BITS):
        measure = Outputs(twin, flat, distance(twin, (), flat, twin.outputs(flat)))
        try:
            check_deleted(measure, upper, read, "claim")
        except Invalid:
            return False
    return True


@attack("heads_squared_summed", "D31", slow=4)
def summed(rng: np.random.Generator) -> Outcome:
    """Ends by sums of few vectors, of prover and checker, against every change; none below the truth is accepted."""
    outputs, labels_change = int(rng.choice([1, 1, 2, 3])), bool(rng.random() < 0.6)
    small = small_head(rng, int(rng.integers(4, 8 if outputs == 1 else 6)), outputs, 2)
    head, n, count = as_head(small), len(small.phi), int(rng.integers(1, 4))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(max(count, n - 3), n + 1)), replace=False).tolist()))
    change = RowChange(labels_change, count, rows)
    may = [[c for c in range(len(small.codes)) if c != own] for own in small.label] if labels_change else None
    phi, Y, points = small.phi.tolist(), small.Y.tolist(), small.points.tolist()
    truth = oracle.farthest_motions(phi, Y, Fraction(head.weight_decay) * n, small.decayed.tolist(), points,
                                    oracle.changes(phi, Y, rows, count, may, small.codes.tolist()))
    twin = as_checked(small, head, rows, count, labels_change)
    found = weights_summed(head, change, Budget(20.0))
    if found is not None:
        _contained(twin, head, found.upper, None if truth is None else truth[0], False)
    outer = outputs_summed(head, change, Budget(20.0))
    if outer is not None:
        assert truth is not None  # no row leaves
        _contained(twin, head, outer.upper, max(truth[1]), True)
        each = relabelled_ends(head, change, Budget(20.0))
        assert not isinstance(each, str)
        for low, high, exact in zip(each.lower.tolist(), each.upper.tolist(), truth[1], strict=True):
            if not Fraction(low) ** 2 <= exact <= Fraction(high) ** 2:
                raise Violation(f"the prover says {low} to {high}, {float(exact) ** 0.5} is exact")
    return "refused" if found is None and outer is None else "decided"


def _contained(twin: Checked, head: Head, upper: float, exact: Fraction | None, by_outputs: bool) -> None:
    """An upper end of the prover holds, and the checker accepts it; a lower one than the truth it does not."""
    if exact is None:
        raise Violation("a refit is not unique, and an end is stated")
    if Fraction(upper) ** 2 < exact:
        raise Violation(f"the prover says {upper}, {float(exact) ** 0.5} is exact")
    if not _sums_accept(twin, head, upper, by_outputs):
        raise Violation("the checker does not accept what the prover states")
    below = float(exact) ** 0.5 * (1 - 2.0**-20)
    if below > 0 and _sums_accept(twin, head, below, by_outputs):
        raise Violation(f"{below} is accepted, {float(exact) ** 0.5} is exact")


def _sums_accept(twin: Checked, head: Head, upper: float, by_outputs: bool) -> bool:
    flat = np.ravel(head.V).tolist()
    with ctx.workprec(BITS):
        measure = (Outputs if by_outputs else Distance)(twin, flat, distance(twin, (), flat, twin.outputs(flat)))
        try:
            check_summed(measure, upper, "claim")
        except Invalid:
            return False
    return True
