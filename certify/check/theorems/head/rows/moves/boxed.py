"""D1d by trees of boxes (D6): a level is a column of its own, whose weight no change of rows moves, in balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, isfinite

from flint import arb, arb_mat

from certify.check.linalg.balls import norm, squares
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import box_tree
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.format.refusal import Invalid

TREE, STEPS, NEAR = "tree.", 80, 2.0**-40
"""The start of the arrays of the tree; steps for a guess of the column's weight; half of its relative width."""


def check_boxed(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """No choice moves farther than `most`.

    Args:
        measure: of the motion.
        most: the stated upper end.
        arrays: `column`, `(1,)` the entry a of the new column's one row; `level`, `(K,)` the entries of the directions
            in that column; of distances `basis`, `(m, m)`, and `bounds`, `(m,)`; and those of the tree.
        where: the claim, for messages.

    Raises:
        Invalid: one may, or the arrays have another form, or the theorem is not about this problem.
    """
    _fits(measure.head, where)
    E, bounds = _directions(measure, most, arrays, where)
    own = () if measure.by_outputs else ("basis", "bounds")
    if not {*own} <= set(arrays):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(own)} are needed")
    rest = {name: array for name, array in arrays.items() if name not in own}
    check_directions(measure.head, (measure.today, measure.near), (E, bounds), rest, where)


def check_directions(
    head: Head, at: tuple[Sequence[float], arb], kept: tuple[list[list[arb]], list[arb]], arrays: Mapping[str, Array],
    where: str,
) -> None:
    """`e·w > e·w_0 − bound` after every choice, for directions e and their bounds.

    Args:
        head: the head.
        at: weights near the refit w_0 of the unchanged data, and how near.
        kept: directions, and their bounds.
        arrays: `column` and `level`, as of :func:`check_boxed`, and those of the tree.
        where: the claim, for messages.

    Raises:
        Invalid: one may not keep its bound, or the arrays have another form, or the theorem is not about this problem.
    """
    (today, near), (E, bounds) = at, kept
    _fits(head, where)
    needed = {"column", "level"}
    plain, tree = ({name.removeprefix(TREE): a for name, a in arrays.items() if name.startswith(TREE) == yes}
                   for yes in (False, True))
    if set(plain) != needed or plain["column"].shape != (1,) or plain["level"].shape != (len(E),) or not all(
            isfinite(x) for name in ("column", "level") for x in plain[name].values):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(sorted(needed))} are needed")
    a, level = plain["column"].values[0], plain["level"].values
    z = _weight(head, a, where)
    for j, (e, bound, q) in enumerate(zip(E, bounds, level, strict=True)):
        floor = sum((x * arb(v) for x, v in zip(e, today, strict=True)), arb(0)) - bound + norm(e) * near
        if not (q * z + floor).upper() <= 0:  # e·w > −qz ≥ e·w_0 − bound
            raise Invalid(f"{where}.level, direction {j}", f"{q!r} is stated", "it is above what the bound needs")
    found = box_tree.proved(_with_column(head, a, E, level), tree, f"{where}.tree", [True] * len(E))
    if missing := [j for j, yes in enumerate(found) if not yes]:
        raise Invalid(f"{where}.tree", f"direction {missing[0]} is stated to keep its bound",
                      f"that is not proved for {len(missing)} of {len(E)}")


def _fits(head: Head, where: str) -> None:
    """Raise `Invalid` where the theorem is not about this problem."""
    if not isinstance(head.change, AnyRows) or not head.loss.sigmoid or head.k != 1 or not head.count < head.n:
        raise Invalid(where, "boxes are stated", "any rows, fewer than there are, and the logistic loss are needed")
    if head.weights is not None:
        raise Invalid(where, "boxes are stated", "rows carry weights, and that is for rows that count the same")


def _directions(measure: Measure, most: float, arrays: Mapping[str, Array], where: str,
                ) -> tuple[list[list[arb]], list[arb]]:
    """Directions e and bounds with `|e·(w − w_0)| ≤ bound` from which the upper end follows: each way, and back."""
    head = measure.head
    if measure.by_outputs:
        E = head.evaluated.tolist()
        return [*E, *([-x for x in e] for e in E)], [arb(most)] * (2 * len(E))
    m, basis, bounds = head.m, arrays.get("basis"), arrays.get("bounds")
    if basis is None or bounds is None or basis.shape != (m, m) or bounds.shape != (m,) or not all(
            map(isfinite, (*basis.values, *bounds.values))) or not all(b >= 0 for b in bounds.values):
        raise Invalid(f"{where}.basis", "it is missing, or of another form", f"{m} directions and bounds are needed")
    Q = [[arb(x) for x in basis.values[a * m : (a + 1) * m]] for a in range(m)]
    M = arb_mat(Q)
    off = norm((M * M.transpose() - arb_mat([[arb(a == b) for b in range(m)] for a in range(m)])).entries())
    # |QΔ|² ≥ (1 − ‖QQᵀ − I‖)|Δ|²
    if not (off < 1 and squares(map(arb, bounds.values)) <= arb(most) * most * (1 - off)):
        raise Invalid(f"{where}.bounds", f"{most!r} is stated", "the squares of the bounds add up to more")
    each = [arb(b) for b in bounds.values]
    return [*Q, *([-x for x in e] for e in Q)], [*each, *each]


def _weight(head: Head, a: float, where: str) -> arb:
    """The weight z of the new column at every refit: `μz = a/(1 + e^(az))`, a rising function against a falling one."""
    mu, z = head.mu(), 0.0
    if not 0 < a < 2.0**40:
        raise Invalid(f"{where}.column", f"{a!r} is stated", "a number above 0 is needed")
    m = float(mu.mid())
    for _ in range(STEPS):
        p = 1.0 / (1.0 + exp(min(a * z, 700.0)))
        z -= (m * z - a * p) / (m + a * a * p * (1.0 - p))
    low, high = arb(z * (1 - NEAR)), arb(z * (1 + NEAR))
    below, above = (mu * v - a / (1 + (a * v).exp()) for v in (low, high))
    if not (low > 0 and below < 0 and above > 0):
        raise Invalid(f"{where}.column", f"{a!r} is stated", "the weight of the column is not enclosed")
    return low.union(high)


def _with_column(head: Head, a: float, E: list[list[arb]], level: Sequence[float]) -> Head:
    """The head with the column first, its one row last, and the directions for evaluation rows."""
    rows = [[arb(0), *row] for row in head.rows]
    rows.append([arb(a), *[arb(0)] * head.m])
    seen = [[arb(q), *e] for q, e in zip(level, E, strict=True)]
    one = head.codes.rows.index([1.0])
    codes = replace(head.codes, label=[*head.codes.label, one], targets=[*head.targets, [1.0]])
    return replace(head, phi=arb_mat(rows), rows=rows, sizes=[norm(row).upper() for row in rows], codes=codes,
                   targets=codes.targets, m=head.m + 1, evaluated=arb_mat(seen), new=head.new + 1, threshold=0.0,
                   lengths=[norm(row).upper() for row in seen], today=[1] * len(seen))
