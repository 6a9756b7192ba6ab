"""Labels after changed labels of a squared-loss head, from its normal matrix: all refits in a few products (D3).

Changed labels leave `H` as it is. For any u the outputs of the refit differ from `e·u` by at most
`|e|_{H⁻¹}|Φᵀt − Hu|_{H⁻¹}`, t the targets after the change; residuals are integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from operator import mul

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import OPEN, Head, label
from certify.check.theorems.head.rows.refitted.refit import Change
from certify.check.theorems.head.rows.refitted.refit import labels_after as in_balls
from certify.check.theorems.head.rows.squared.ridge import (
    AT_ONCE,
    FEATURE_BITS,
    Ridge,
    Whole,
    length,
    nearest,
    ridge_of,
    whole_rows,
)
from certify.check.theorems.head.rows.squared.roots import weighed

WEIGHT_BITS = 60
"""Of the largest weight, in the scaled columns: that of a long column may be the shortest of all before."""


def labels_after(head: Head, changes: Sequence[Change], weights: Sequence[Sequence[float]]) -> list[list[int]]:
    """The label of every evaluation row at the refit of every change; `OPEN` where it is not proved.

    Args:
        head: the head; of another loss than the squared one, or where weights of rows do not stay, in balls as ever.
        changes: the changes; where rows are deleted, in balls.
        weights: floats near the refits, `km` each.
    """
    deletes = any(code == DELETED for change in changes for _, code in change)
    if deletes or not head.loss.quadratic or head.balanced or head.labelled is not None:
        return in_balls(head, changes, weights)
    system = ridge_of(head)
    if system.inverse.X is None:
        return in_balls(head, changes, weights)
    floats, loose = nearest(head.evaluated.tolist())
    E = whole_rows(floats, system.shifts, FEATURE_BITS)
    far = [E.radius + x * arb(2) ** -min(system.shifts) for x in loose]
    sizes = [(size + x * system.stretch).upper() for size, x in zip(_lengths(system, E.mid, FEATURE_BITS), far,
                                                                    strict=True)]
    across, found = E.mid.transpose(), []
    each = max(1, AT_ONCE // head.k)
    for start in range(0, len(changes), each):
        some, V = changes[start:start + each], weights[start:start + each]
        refits = _Refits(head, system, some, V)
        F = (refits.mid * across).tolist()
        for b in range(len(some)):
            at = range(b * head.k, (b + 1) * head.k)
            found.append([label([_output(F[a][j], refits, a, size, x) for a in at], head.threshold, arb(0))
                          for j, (size, x) in enumerate(zip(sizes, far, strict=True))])
    rest = [b for b, labels in enumerate(found) if OPEN in labels]
    for b, labels in zip(rest, in_balls(head, [changes[b] for b in rest], [weights[b] for b in rest]), strict=True):
        found[b] = [x if y == OPEN else y for x, y in zip(labels, found[b], strict=True)]
    return found


def _output(x: fmpz, refits: _Refits, a: int, size: arb, far: arb) -> arb:
    return arb(x) * scale(FEATURE_BITS + refits.bits) + arb(0, 1) * (size * refits.gaps[a] + far * refits.lengths[a])


def _lengths(system: Ridge, rows: fmpz_mat, bits: int) -> list[arb]:
    """At least `|v|_{H⁻¹}` of rows v: `vᵀH⁻¹v ≤ vᵀXv + ε/(1 − ε)·‖X‖|v|²`, as `H⁻¹ = (I + E)⁻¹X`, `‖E‖ ≤ ε`.

    Of columns far from the origin, whose sums are nearly one another, `‖H⁻¹‖^½|v|` may be 10^6 times as large.
    """
    X = system.inverse.X
    assert X is not None
    loose = system.inverse.error / (1 - system.inverse.error) * X.size
    found = []
    for v, image in zip(rows.tolist(), (rows * X.mid).tolist(), strict=True):
        form = arb(sum(map(mul, v, image), fmpz(0))) * scale(2 * bits + X.bits)
        plain = length(v) * scale(bits)
        within = (form + loose * plain**2).upper().max(ZERO).sqrt().upper()  # of a ball about 0 there is no root
        found.append(within.min((plain * system.stretch).upper()))
    return found


class _Refits:
    """Weights in scaled columns as integers, an output of a change a row, and how far the refits are from them.

    Attributes:
        mid, bits: the weights.
        gaps: at least `|Φᵀt − Hu|_{H⁻¹}` of each.
        lengths: at least `|u|`.
    """

    def __init__(self, head: Head, system: Ridge, changes: Sequence[Change],
                 weights: Sequence[Sequence[float]]) -> None:
        V = [v[a * head.m:(a + 1) * head.m] for v in weights for a in range(head.k)]
        shifts = [-s for s in system.shifts]
        sizes_of = (math.frexp(x)[1] + s for v in V for x, s in zip(v, system.shifts, strict=True) if x)
        self.bits = WEIGHT_BITS - max(sizes_of, default=0)
        self.mid = whole_rows(V, shifts, self.bits).mid  # any weights will do: what is cut off is no error
        right, sizes, wrong = _right(head, system, changes)
        H, rows = system.matrix, self.mid.tolist()
        fine = max(H.bits + self.bits, right.bits)
        up, own = fine - right.bits, fine - H.bits - self.bits
        self.lengths = [(length(u) * scale(self.bits)).upper() for u in rows]
        rest = right.mid * (fmpz(1) << up) - self.mid * H.mid * (fmpz(1) << own)
        each = zip(_lengths(system, rest, fine), self.lengths, sizes, wrong, strict=True)
        self.gaps = [(gap + (H.radius * size + system.loose * t) * system.stretch + wide).upper()  # |Φᵀτ|_H⁻¹ ≤ |τ|
                     for gap, size, t, wide in each]


def _right(head: Head, system: Ridge, changes: Sequence[Change]) -> tuple[Whole, list[arb], list[arb]]:
    """`Φ̂ᵀt` for the targets t of every output after every change, exact, the lengths of t, and what these err by."""
    codes = head.codes.rows
    columns = []
    for change in changes:
        new = dict(change)
        targets = [codes[new[i]] if i in new else y for i, y in enumerate(head.targets)]
        columns += [[y[a] for y in targets] for a in range(head.k)]
    every = {x: Fraction(x) for column in columns for x in column}
    bits = max(x.denominator.bit_length() - 1 for x in every.values())
    whole = {x: int(y * (1 << bits)) for x, y in every.items()}
    found = [weighed(system.roots, [whole[x] for x in column], bits) for column in columns]
    T, bits = [t for t, _, _ in found], found[0][1] if found else bits
    return (Whole(fmpz_mat(T) * system.phi.mid, FEATURE_BITS + bits, arb(0)),
            [(length(map(fmpz, t)) * scale(bits)).upper() for t in T], [wide for _, _, wide in found])
