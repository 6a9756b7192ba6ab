"""D1d in balls: no refit lies farther than the changed slopes are long, over the decay."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.refusal import Invalid


def farthest(head: Head, today: list[float], where: str) -> arb:
    """An upper bound of the distance from `today` to every refit.

    Raises:
        Invalid: the theorem is not about this problem.
    """
    change = head.change
    if head.free_intercept or not isinstance(change, AnyRows):
        raise Invalid(where, "norms are stated", "any rows that change, and decay of every weight, are needed")
    if head.weights is not None:
        raise Invalid(where, "norms are stated", "rows carry weights, and that is for rows that count the same")
    Z = head.outputs(today)
    pulls = []
    for i in head.moving:
        own = head.loss.slope(Z[i], head.targets[i])
        far = ZERO
        for code in change.may(i):
            new = [ZERO] * head.k if code == DELETED else head.loss.slope(Z[i], head.codes.rows[code])
            far = far.max(norm([x - y for x, y in zip(new, own, strict=True)]).upper())
        pulls.append((far * head.sizes[i]).upper())
    if not all(x.is_finite() for x in pulls):
        return arb("inf")
    count = min(head.count, len(pulls))
    top = total_of(pulls, count)
    least = head.mu(0 if head.relabels else count)
    pull = distance(head, (), today, Z) * head.mu() + (head.mu() - least) * norm([arb(x) for x in today])
    return ((pull + top) / least).upper() if least > 0 else arb("inf")
