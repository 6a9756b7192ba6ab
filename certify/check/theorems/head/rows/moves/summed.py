"""D31: no choice of at most m rows moves a squared-loss head farther than a sum of m vectors can be long.

Other labels: `w_M − w = Σ_M Δ_i ⊗ u_i`, `u = H⁻¹φ`, and `Σ_M q_i Δ_i` of an evaluation row, `q = ΦH⁻¹x`. Deletions:
`−Σ_M (x_i + η_i) ⊗ u_i`, x the residual over `1 − K_ii`, `|η_i| ≤ ξ_i` by a comparison that is found here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt

from flint import arb, fmpz

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import scale
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.moves.few_vectors import Vectors, Whole, longest_sum
from certify.check.theorems.head.rows.moves.measures import Measure
from certify.check.theorems.head.rows.squared.node import BITS, ONE, above
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Ridge, influences, nearest, ridge_of
from certify.check.theorems.head.rows.squared_labels import Swings, largest_drops, swings
from certify.check.theorems.head.rows.squared_tree.leverages import leverages
from certify.check.theorems.head.rows.squared_tree.majorant import majorant
from certify.check.theorems.head.rows.squared_tree.root import formed_of, outputs_of
from certify.check.theorems.head.rows.squared_tree.state import State
from certify.check.theorems.head.rows.squared_tree.sums import terms
from certify.check.theorems.head.rows.squared_tree.trees import DEEPEST, FEW
from certify.format.refusal import Invalid

WIDE = 64
"""Bits of solutions, counted from the largest of all rows."""


def check_summed(measure: Measure, most: float, where: str) -> None:
    """No choice moves farther than `most`.

    Args:
        measure: of the motion.
        most: the stated upper end.
        where: the claim, for messages.

    Raises:
        Invalid: one may, or the theorem is not about this problem.
    """
    head = measure.head
    if words := refused(measure):
        raise Invalid(where, "sums of few vectors are stated", words)
    count = min(head.count, len(head.moving))
    system = ridge_of(head, 0 if head.relabels else count)
    if system.inverse.X is None:
        raise Invalid(where, "numbers are stated", "the normal matrix is not proved to have an inverse")
    if measure.by_outputs:
        _check_outputs(head, system, count, most, where)
        return
    ways = (None,) if head.relabels or len(head.moving) <= 4 * FEW else (FEW, None)
    for few in ways:  # a few columns of the hat matrix are soon formed
        found = _relabelled(head, system, count) if head.relabels else _deleted(head, system, count, few)
        if found is not None and found <= most:
            return
    raise Invalid(where, f"{most!r} is stated", "no comparison of the deletions is found" if found is None else
                  f"{found.str(9, radius=False)} is proved")


def refused(measure: Measure) -> str:
    """Why the theorem says nothing; empty where it applies."""
    head = measure.head
    if not isinstance(head.loss, Squared) or not isinstance(head.change, AnyRows) or head.kind is not None:
        return "any few rows and the squared loss are needed"
    if head.weights is not None or head.balanced or head.labelled is not None:
        return "rows that carry no weights are needed"
    if not head.moving or head.count < 1:
        return "one row or more that may change is needed"
    if head.relabels:
        return ""
    if measure.by_outputs or head.remaining or head.count > DEEPEST:
        return f"of deletions the weights, a decay that stays and at most {DEEPEST} of them are needed"
    return ""


def _solutions(head: Head, system: Ridge) -> tuple[list[Whole], int, list[arb]]:
    """`H⁻¹φ` of the rows that may change as whole numbers, their bits, and how far each is off.

    `|H⁻¹ρ| ≤ ‖H⁻¹‖^½|ρ|_{H⁻¹}` in scaled columns; what is cut off is less than a unit an entry.
    """
    floats, off = nearest([head.rows[i] for i in head.moving])
    solved = system.solutions(floats, off)
    top = max((x.bit_length() - s.bits - shift for s in solved
               for x, shift in zip(s.u, system.shifts, strict=True) if x), default=0)
    bits, wider = WIDE - top, arb(2) ** -min(system.shifts)
    u = [[_at(x, bits - s.bits - shift) for x, shift in zip(s.u, system.shifts, strict=True)] for s in solved]
    cut = arb(system.p).sqrt() * scale(bits)
    return u, bits, [(s.off * system.stretch * wider + cut).upper() for s in solved]


def _at(x: fmpz, up: int) -> int:
    return int(x) << up if up >= 0 else int(x) >> -up


def _steps(head: Head) -> tuple[list[list[Whole]], int, arb]:
    """What the target of each label may move by, as whole numbers, their bits, and the longest of all."""
    codes = [[Fraction(x) for x in row] for row in head.codes.rows]
    bits = max(x.denominator.bit_length() - 1 for row in codes for x in row)
    whole = [[int(x * (1 << bits)) for x in row] for row in codes]
    steps = [[[x - y for x, y in zip(new, old, strict=True)] for new in whole if new is not old] for old in whole]
    longest = max(isqrt(sum(x * x for x in step)) + 1 for every in steps for step in every)
    return steps, bits, arb(longest) * scale(bits)


def _relabelled(head: Head, system: Ridge, count: int) -> arb:
    """An upper bound of the distance between refits."""
    u, bits, off = _solutions(head, system)
    steps, more, longest = _steps(head)
    found = longest_sum(Vectors(u, [head.codes.label[i] for i in head.moving], steps), count)
    return (arb(found) * scale(bits + more) + total_of(off, count) * longest).upper()


def _check_outputs(head: Head, system: Ridge, count: int, most: float, where: str) -> None:
    """Evaluation row by row: by the lengths of all influences, by D31, or by D3 for each output."""
    points, loose = nearest(head.evaluated.tolist())
    solutions = system.solutions(points, loose)
    steps, bits, longest = _steps(head)
    root = arb(count).sqrt()
    left = [j for j, s in enumerate(solutions) if not (s.length + s.off) * root * longest <= most]
    kinds = [head.codes.label[i] for i in head.moving]
    may = [head.change.may(i) for i in head.moving] if isinstance(head.change, AnyRows) else []
    both = [[swings([sign if a == b else 0 for b in range(head.k)], Fraction(0), head.targets, head.codes.rows, may,
                    head.moving) for sign in (1, -1)] for a in range(head.k)]
    for j, every in zip(left, influences(system, [solutions[j] for j in left]), strict=True):
        s, q = solutions[j], [every[i] for i in head.moving]
        unit, off = FEATURE_BITS + s.bits, s.off * root * longest
        found = norm([_farther(q, pair, count, unit) + off for pair in both])
        if not found <= most and head.k > 1:
            few = _few(q, kinds, count)
            vectors = Vectors([[int(q[i])] for i in few], [kinds[i] for i in few], steps)
            found = (arb(longest_sum(vectors, count)) * scale(unit + bits) + off).upper()
        if not found <= most:
            raise Invalid(f"{where}, evaluation row {j}", f"{most!r} is stated",
                          f"{found.str(9, radius=False)} is proved")


def _farther(q: Sequence[fmpz], both: Sequence[Swings], count: int, unit: int) -> arb:
    """How far influences say that one output goes, whichever way is farther."""
    falls, rises = (sum(largest_drops(q, s, count)) * scale(unit + s.bits) for s in both)
    return falls.max(rises).upper()


def _few(q: Sequence[fmpz], kinds: Sequence[int], count: int) -> list[int]:
    """Of each label and sign the rows with the m largest influences: some m of these have the longest sum (D31)."""
    found: dict[tuple[int, bool], list[int]] = {}
    for i in sorted(range(len(q)), key=lambda i: abs(int(q[i])), reverse=True):
        mine = found.setdefault((kinds[i], q[i] < 0), [])
        if len(mine) < count:
            mine.append(i)
    return [i for some in found.values() for i in some]


def _deleted(head: Head, system: Ridge, count: int, few: int | None) -> arb | None:
    """The same of deletions: one comparison of each output, before any of them; None where none is found."""
    rows = sorted(head.moving)
    own, outputs = leverages(system, rows), outputs_of(head, system, rows)
    hat = majorant(system, rows, own, formed_of(own.d, outputs.R, (), few))
    residuals, apart = [], [ZERO] * len(rows)
    for r in outputs.R:
        state = State((), 0, frozenset(), own.d, {}, [r], (), (), (), own.wrong, outputs.er)
        found = terms(state, hat, (), [abs(x) for x in r], count)
        if found is None:
            return None
        residuals.append([(x << BITS) // (ONE - d) for x, d in zip(r, own.d, strict=True)])
        off = above((state.pair_error << BITS) + (found.most + 1) * state.eK, found.low) + 1
        apart = [a + arb(off + xi) ** 2 for a, xi in zip(apart, found.xi, strict=True)]
    u, bits, wrong = _solutions(head, system)
    X, unit = list(map(list, zip(*residuals, strict=True))), scale(BITS - outputs.shift)
    lost = [((norm(map(arb, v)) * e + (arb(sum(y * y for y in w)).sqrt() * scale(bits) + e) * a.sqrt()) * unit).upper()
            for v, w, e, a in zip(X, u, wrong, apart, strict=True)]
    sums = longest_sum(Vectors(u, range(len(rows)), [[v] for v in X]), count)
    return (arb(sums) * scale(bits) * unit + total_of(lost, count)).upper()
