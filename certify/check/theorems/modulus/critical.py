"""The rules of the critical map where the gradient vanishes: V33 to V35, and what V15 adds for them (M5b to M5d).

As in :mod:`certify.check.theorems.modulus.kernel` a `PROVED` comes from a comparison of balls that holds for all their
points.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.hessian import by_units, require_second
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import DIGITS


def theorem(evidence: Evidence, name: str) -> Finding:
    """M5b needs a symmetry field, M5c none; M5d asks nothing."""
    fields = evidence.stationary.fields
    holds = {"M5b": fields.dimension > 0, "M5c": fields.found == 0}.get(name, True)
    return Finding(_truth(holds, False), f"{fields.found} symmetry fields are found, {fields.dimension} independent")


def nonsingular(evidence: Evidence) -> Finding:
    """A is nonsingular."""
    found, s = evidence.stationary.measured.X is not None, evidence.stationary.fields.dimension
    words = "is proved" if found else f"is not proved at {evidence.precision} bits to be"
    return Finding(_truth(found, False), f"A = H + TTᵀ, with {s} symmetry fields, {words} nonsingular")


def rank(evidence: Evidence, least: float) -> Finding:
    """V15, rank: `|Hv| > least·|v|` for every v orthogonal to the fields, and A is nonsingular."""
    if least == 0:
        return nonsingular(evidence)
    found = evidence.stationary.rank(least)
    words = {Truth.PROVED: "is proved", Truth.DISPROVED: "is false",
             Truth.UNDECIDED: f"is not proved at {evidence.precision} bits"}
    return Finding(found, f"A² − {least!r}²·I ≻ 0 {words[found]}")


def symmetry(evidence: Evidence, count: float) -> Finding:
    """V15, symmetry: there are `count` independent fields; with A nonsingular they span the kernel of H."""
    found = nonsingular(evidence)
    s = evidence.stationary.fields.dimension
    if found.truth is not Truth.PROVED:
        return found
    return Finding(_truth(s == count, s != count), f"{s} independent symmetry fields are found")


def smooth(evidence: Evidence, least: float) -> Finding:
    """V9 for second derivatives: no pre-activation within `least` of a jump of φ' or φ''."""
    require_second(evidence.problem, evidence.forward)
    if ACTIVATIONS[evidence.problem.activation].broken:
        smallest = min((abs(z).lower() for layer in evidence.forward.before for z in layer), default=arb("inf"))
        if not smallest >= least:
            below = any(abs(z) < least for layer in evidence.forward.before for z in layer)
            return Finding(_truth(False, below), f"one pre-activation is {smallest.str(DIGITS, radius=False)} in size")
    return Finding(Truth.PROVED, "the network is twice differentiable at the data")


def modulus_upper(evidence: Evidence, upper: float | arb) -> Finding:
    """V33: A nonsingular and `‖XC‖² < upper²(1−δ)`, so that `lip S = ‖A⁻¹C‖ < upper`; or C = 0."""
    definite = nonsingular(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    at, square = evidence.stationary, arb(upper) ** 2
    if at.motion.plain.vanishes:
        return Finding(Truth.PROVED, "C = 0")
    if not upper > 0:
        return Finding(Truth.UNDECIDED, "C is not proved zero, and only then the modulus can be 0")
    if at.motion.below(square * (1 - at.measured.defect)) is Truth.PROVED:
        return Finding(Truth.PROVED, "‖A⁻¹C‖ < upper is proved")
    wrong = at.motion.below(square * (1 + at.measured.defect)) is Truth.DISPROVED
    return Finding(_truth(False, wrong), "‖A⁻¹C‖ is larger" if wrong else "‖A⁻¹C‖ < upper is not proved")


def modulus_lower(evidence: Evidence, lower: float | arb, z: Sequence[float]) -> Finding:
    """V34: `|Cᵀz| ≥ lower·|Hz|` and `Cᵀz ≠ 0`, which proves `lip S ≥ lower` whatever the rank."""
    c, h = evidence.stationary.forms(by_units(evidence.problem, [arb(v) for v in z]))
    if c > 0 and c >= arb(lower) ** 2 * h:
        return Finding(Truth.PROVED, "|Cᵀz| ≥ lower·|Hz| is proved")
    if c == 0:
        return Finding(Truth.DISPROVED, "Cᵀz = 0")
    below = c < arb(lower) ** 2 * h
    return Finding(_truth(False, bool(below)),
                   f"the witness gives {_show_root(c / h) if h > 0 else 'no bounded quotient'}")


def row_upper(evidence: Evidence, number: int, upper: float) -> Finding:
    """V35: `‖A⁻¹C_i‖ ≤ upper` for the moving row at that place.

    With `G = (XC_i)ᵀ(XC_i)` and ε the defect, `C_iᵀA⁻²C_i` lies between `G/(1+ε)` and `G/(1−ε)`: it is enough that
    `upper²(1−ε)I − G ≻ 0` (or G = 0), and wrong if `upper²(1+ε)I − G` takes a negative value.
    """
    definite = nonsingular(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    G, defect = evidence.stationary.row_grams[number], evidence.stationary.measured.defect
    if all(x == 0 for x in G.entries()):
        return Finding(Truth.PROVED, "the row has no effect")
    square = arb(upper) ** 2
    if G.nrows() == 1:
        return Finding(_truth(G[0, 0] <= square * (1 - defect), G[0, 0] > square * (1 + defect)), _row_words(G))
    proved = definiteness(_beyond(G, square * (1 - defect))).truth is Truth.PROVED
    wrong = not proved and definiteness(_beyond(G, square * (1 + defect))).truth is Truth.DISPROVED
    return Finding(_truth(proved, wrong), _row_words(G))


def row_lower(evidence: Evidence, number: int, lower: float) -> Finding:
    """V35: `‖A⁻¹C_i‖ ≥ lower`: a negative value of `lower²(1+ε)I − G`."""
    if lower == 0:
        return Finding(Truth.PROVED, "a modulus is not negative")
    definite = nonsingular(evidence)
    if definite.truth is not Truth.PROVED:
        return definite
    G, defect, square = evidence.stationary.row_grams[number], evidence.stationary.measured.defect, arb(lower) ** 2
    if G.nrows() == 1:
        return Finding(_truth(G[0, 0] >= square * (1 + defect), G[0, 0] < square * (1 - defect)), _row_words(G))
    proved = definiteness(_beyond(G, square * (1 + defect))).truth is Truth.DISPROVED
    wrong = not proved and definiteness(_beyond(G, square * (1 - defect))).truth is Truth.PROVED
    return Finding(_truth(proved, wrong), _row_words(G))


def _beyond(G: arb_mat, square: arb) -> arb_mat:
    """`square·I − G`."""
    return arb_mat([[(square if r == c else ZERO) - x for c, x in enumerate(row)] for r, row in enumerate(G.tolist())])


def _row_words(G: arb_mat) -> str:
    """The size of a row's block in digits: the root of the trace for more than one column, an upper bound."""
    trace = sum((G[r, r] for r in range(G.nrows())), ZERO)
    return f"the row's modulus is {'' if G.nrows() == 1 else 'at most '}{_show_root(trace)}"


def _show_root(square: arb) -> str:
    return str(square.max(ZERO).sqrt().str(DIGITS, radius=False))


def _truth(proved: bool, disproved: bool) -> Truth:
    return Truth.PROVED if proved else Truth.DISPROVED if disproved else Truth.UNDECIDED
