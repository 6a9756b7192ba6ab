"""Attack on D4h: small heads of the squared loss with weights of rows, each answer against all refits in rationals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from flint import arb, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import squared_aside, squared_deletions, squared_labels, squared_tree
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.head import Head as Checked
from certify.check.theorems.head.rows.squared.refits import labels_after
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.method import Budget, Flips, Method
from certify.theorems.head.rows.squared_aside import SquaredAside
from certify.theorems.head.rows.squared_deletions import SquaredDeletions
from certify.theorems.head.rows.squared_labels import SquaredLabels
from certify.theorems.head.rows.squared_tree import SquaredTree
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head, weighed
from tests.oracles import squared_head as oracle

Checks = Callable[[Checked, dict[str, Array], str, list[bool]], list[bool]]
DELETED: tuple[tuple[Method, Checks], ...] = (
    (SquaredDeletions(), squared_deletions.proved), (SquaredTree(), squared_tree.proved),
    (SquaredAside(), squared_aside.proved))


def drawn(rng: np.random.Generator, most: int) -> SmallHead:
    """Weights that lie near or far apart, now and then all of them the same power of two."""
    outputs = int(rng.choice([1, 1, 3]))
    small = small_head(rng, int(rng.integers(3, most if outputs == 1 else most - 1)), outputs, 2)
    small = weighed(small, rng, float(rng.choice([0.1, 1.0, 4.0])))
    assert small.weights is not None
    size = float(10.0 ** rng.integers(-6, 7))
    return replace(small, weights=np.full(len(small.phi), 4.0) if rng.random() < 0.1 else small.weights * size,
                   mu=small.mu * size)


def others(rng: np.random.Generator, head: Head) -> Sequence[Head]:
    """The head, and the same with weights that are not its own: what it proves then is no proof for it."""
    assert head.weights is not None
    return head, replace(head, weights=RowWeights(rng.permutation(head.weights.rows)))


def plain(small: SmallHead) -> bool:
    """Whether weights are near each other, and the normal matrix far from singular: else roots may be off too much."""
    assert small.weights is not None
    if small.weights.max() > 1e3 * small.weights.min():
        return False
    H = (small.phi.T * small.weights) @ small.phi + small.mu * np.diag(small.decayed)
    d = np.sqrt(np.diagonal(H))
    return bool(np.linalg.cond(H / np.outer(d, d)) < 1e6)


@attack("heads_squared_weighed_deletions", "D4h", slow=8)
def deletions(rng: np.random.Generator) -> Outcome:
    """Rows proved to stay under deletions, with the prover's arrays and with those of other weights."""
    small = drawn(rng, 8)
    head, n, count = as_head(small, bool(rng.random() < 0.3)), len(small.phi), int(rng.integers(1, 4))
    rows = tuple(sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist()))
    assert small.weights is not None
    lam = Fraction(head.weight_decay)
    mus = [lam * (n - d if head.remaining else n) for d in range(count + 1)]
    worst = [[oracle.worst_deletion(small.phi.tolist(), small.Y.tolist(), mus, small.decayed.tolist(), e,
                                    int(head.today[j]), rows, d, small.threshold, small.weights.tolist())
              for d in range(min(count, len(rows)) + 1)] for j, e in enumerate(small.points.tolist())]
    bad = np.array([any(x is None or x <= 0 for x in one) for one in worst])
    decided = False
    for asked in others(rng, head):
        for method, checks in DELETED:
            part = method.prove(asked, RowChange(False, count, rows), head.today >= 0, Budget())
            if part is None:
                continue
            own = asked is head
            if own and (part.proved & bad).any():
                raise Violation(f"{method.name} proves {part.proved}, the least margins are {worst}")
            arrays = {name: Array(v.shape, tuple(v.tolist()), v.dtype.kind) for name, v in part.arrays.items()}
            with ctx.workprec(BITS):
                seen = np.array(checks(as_checked(small, head, rows, count, False), arrays, "claim",
                                       part.proved.tolist())) if arrays else np.zeros(2, dtype=bool)
            if (seen & bad).any():
                raise Violation(f"the checker follows {method.name} to {seen}, the least margins are {worst}")
            if own and arrays and not seen[part.proved].all() and plain(small):
                raise Violation(f"the checker does not follow {method.name} to {part.proved}, but to {seen}")
            decided |= own and bool(part.proved.any())
    return "decided" if decided else "refused"


@attack("heads_squared_weighed_labels", "D4h", slow=8)
def labels(rng: np.random.Generator) -> Outcome:
    """Numbers of tolerated labels by prover and checker, and changes that flip, against the exact number."""
    small = drawn(rng, 7)
    head, n = as_head(small), len(small.phi)
    count = int(rng.integers(0, n + 1))
    may = [[c for c in range(len(small.codes)) if c != own] for own in small.label]
    part = SquaredLabels().prove(head, RowChange(True, count, tuple(range(n))), head.today >= 0, Budget())
    if part is None:
        return "refused"
    assert part.tolerated is not None and part.flips is not None and small.weights is not None
    with ctx.workprec(BITS):
        twin = as_checked(small, head, tuple(range(n)), count, True)
        checked = squared_labels.proved(twin, {}, "claim", [True] * 2)
        flipped = _flipped(twin, part.flips)
        going = replace(twin, labelled=(arb(1), arb(2)))
        try:
            squared_labels.proved(going, {}, "claim", [True] * 2)
            raise Violation("weights that go by the labels are taken for weights that stay")
        except Invalid:
            pass
    for j in np.flatnonzero(head.today >= 0):
        strict, loose = oracle.tolerated_labels(
            small.phi.tolist(), small.Y.tolist(), small.mu, small.decayed.tolist(), small.points[j].tolist(),
            int(head.today[j]), small.codes.tolist(), may, small.threshold, small.weights.tolist())
        if part.tolerated[0][j] > strict or part.tolerated[1][j] < loose or (checked[j] and count > strict):
            raise Violation(f"{part.tolerated} or {count} changes are tolerated, {strict} is exact")
        if (part.flips.point[j] >= 0 or flipped[j]) and count <= loose:
            raise Violation(f"{count} changes flip, {loose} do not")
        if part.flips.point[j] >= 0 and not flipped[j]:
            raise Violation("the checker does not follow a change that flips")
    return "decided" if part.proved.any() else "refused"


def _flipped(twin: Checked, flips: Flips) -> list[bool]:
    """Which points the checker has flipped by the change that is named."""
    changes = [tuple((row, code) for row, code in zip(rows, codes, strict=True) if row >= 0)
               for rows, codes in zip(flips.rows.tolist(), flips.codes.tolist(), strict=True)]
    after = labels_after(twin, changes, [np.ravel(V).tolist() for V in flips.weights])
    return [p >= 0 and after[p][j] not in (-1, twin.today[j]) for j, p in enumerate(flips.point.tolist())]
