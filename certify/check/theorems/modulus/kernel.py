"""The rules by which the ends of a claim are re-derived (proofs/certificate-format.md, V9–V15).

Every rule returns a :class:`~certify.check.systems.evidence.Finding`. `PROVED` comes from a comparison of balls that
holds for all their points, never from floats. All ends are nonnegative numbers of the certificate, taken exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.graph_gradients import GraphDescent
from certify.check.linalg.balls import ZERO
from certify.check.linalg.definite import Truth, definiteness
from certify.check.systems.evidence import Evidence, Finding

DIGITS = 17


def kernel_definite(evidence: Evidence) -> Finding:
    """K ≻ 0."""
    found = evidence.kernel_definite
    words = {Truth.PROVED: "K ≻ 0 is proved", Truth.DISPROVED: "a vector v with vᵀKv < 0 was found",
             Truth.UNDECIDED: f"K ≻ 0 is not proved at {evidence.precision} bits"}
    return Finding(found.truth, words[found.truth])


def rank(evidence: Evidence, least: float) -> Finding:
    """V15, rank: `K − least²·I ≻ 0`, so that the Jacobian has full row rank with `σ(J) > least`."""
    if least == 0:
        return kernel_definite(evidence)
    found = evidence.shifted_definite(least)
    words = {Truth.PROVED: "is proved", Truth.DISPROVED: "takes a negative value",
             Truth.UNDECIDED: f"is not proved at {evidence.precision} bits"}
    return Finding(found, f"K − {least!r}²·I ≻ 0 {words[found]}")


def smooth(evidence: Evidence, least: float) -> Finding:
    """V9: every pre-activation is proved away from a kink, by at least `least`."""
    if evidence.problem.graph is not None:
        return _smooth_graph(evidence, least)
    if ACTIVATIONS[evidence.problem.activation].kinked:
        _ = evidence.backward  # raises NotSmooth
        layers = [*evidence.forward.before, *(() if evidence.reference is None else evidence.reference.passed.before)]
        smallest = min((abs(z).lower() for layer in layers for z in layer), default=arb("inf"))
        if not smallest >= least:
            below = any(abs(z) < least for layer in layers for z in layer)
            return Finding(_truth(False, below), f"one pre-activation is {smallest.str(DIGITS, radius=False)} in size")
    return Finding(Truth.PROVED, "the network is differentiable at the data")


def _smooth_graph(evidence: Evidence, least: float) -> Finding:
    """The same for a graph: also every maximum is proved away from a tie, by at least `least`."""
    descent = evidence.descent
    assert isinstance(descent, GraphDescent)
    kinks = descent.kinks  # raises NotSmooth
    return Finding(_truth(bool(kinks.low >= least), bool(kinks.high < least)),
                   f"the least distance from a kink is {kinks.low.str(DIGITS, radius=False)}")


def modulus_upper(evidence: Evidence, upper: float | arb) -> Finding:
    """V10: `upper²K − Q ≻ 0`, which proves `lip S < upper`; `K ≻ 0` suffices if Q = 0."""
    if all(x == 0 for at in evidence.moved for x in _flat(evidence.moved[at])):
        return kernel_definite(evidence)
    if not upper > 0:
        return Finding(Truth.UNDECIDED, "Q is not proved zero, and only then the modulus can be 0")
    found = definiteness(_scaled_difference(evidence, arb(upper) ** 2), sharp=False)
    if found.truth is Truth.DISPROVED:
        assert found.v is not None
        z = found.v.entries()
        return Finding(Truth.DISPROVED, f"a vector proves lip S > {_quotient(evidence, z)}")
    words = "is proved" if found.truth is Truth.PROVED else f"is not proved at {evidence.precision} bits"
    return Finding(found.truth, f"upper²K − Q ≻ 0 {words}")


def modulus_lower(evidence: Evidence, lower: float | arb, z: Sequence[float]) -> Finding:
    """V11: `zᵀQz ≥ lower² zᵀKz` and `zᵀQz > 0`, which proves `lip S ≥ lower`."""
    vector = [arb(v) for v in z]
    q, k = _forms(evidence, vector)
    if q > 0 and q >= arb(lower) ** 2 * k:
        return Finding(Truth.PROVED, "zᵀQz ≥ lower² zᵀKz is proved")
    if q == 0:
        return Finding(Truth.DISPROVED, "zᵀQz = 0")
    below = q < arb(lower) ** 2 * k
    return Finding(Truth.DISPROVED if below else Truth.UNDECIDED,
                   f"the witness gives {_quotient(evidence, vector)}")


def row_upper(evidence: Evidence, at: int, upper: float) -> Finding:
    """V12: `λ_max(G_iᵀ(K⁻¹)_ii G_i) ≤ upper²` for the kept row at position `at`; needs K ≻ 0.

    With `P = R_iᵀR_i` and ε the defect it is enough that `upper²(1 − ε)P − PQ_iP ≻ 0`, for one output that
    `Q_i P ≤ upper²(1 − ε)`; it is wrong if `upper²(1 + ε)P − PQ_iP` takes a negative value.
    """
    Q = evidence.moved[at]
    definite = kernel_definite(evidence)
    if definite.truth is not Truth.PROVED:
        return Finding(Truth.UNDECIDED, definite.found)
    if all(x == 0 for x in _flat(Q)):
        return Finding(Truth.PROVED, "κ_i = 0")
    P, defect, square = evidence.inverse_block(at), evidence.kernel_definite.defect, arb(upper) ** 2
    if len(Q) == 1:
        value = Q[0][0] * P[0, 0]
        return Finding(_truth(value <= square * (1 - defect), value > square * (1 + defect)),
                       f"κ_i is {_show_root(value)} up to a factor 1 ± {defect.str(2, radius=False)}")
    PQP = P * arb_mat(Q) * P
    proved = definiteness(square * (1 - defect) * P - PQP).truth is Truth.PROVED
    wrong = not proved and definiteness(square * (1 + defect) * P - PQP).truth is Truth.DISPROVED
    return Finding(_truth(proved, wrong), _direction_words(proved, wrong, evidence))


def row_lower(evidence: Evidence, at: int, lower: float) -> Finding:
    """V13: `κ_i ≥ lower`: a negative value of `lower²(1 + ε)P − PQ_iP`, for one output `Q_i P ≥ lower²(1 + ε)`.

    Where K ≻ 0 is not proved, a negative value of `lower²K_ii − Q_i` is enough (M2 with z in row i alone).
    """
    if lower == 0:
        return Finding(Truth.PROVED, "κ_i ≥ 0")
    Q, square = evidence.moved[at], arb(lower) ** 2
    if evidence.kernel_definite.truth is not Truth.PROVED:
        alone = definiteness(square * evidence.kernel_block(at) - arb_mat(Q)).truth is Truth.DISPROVED
        return Finding(_truth(alone, False), kernel_definite(evidence).found)
    P, defect = evidence.inverse_block(at), evidence.kernel_definite.defect
    if len(Q) == 1:
        value = Q[0][0] * P[0, 0]
        return Finding(_truth(value >= square * (1 + defect), value < square * (1 - defect)),
                       f"κ_i is {_show_root(value)} up to a factor 1 ± {defect.str(2, radius=False)}")
    PQP = P * arb_mat(Q) * P
    proved = definiteness(square * (1 + defect) * P - PQP).truth is Truth.DISPROVED
    wrong = not proved and definiteness(square * (1 - defect) * P - PQP).truth is Truth.PROVED
    return Finding(_truth(proved, wrong), _direction_words(proved, wrong, evidence))


def effect(evidence: Evidence) -> Finding:
    """V14, last step, for a problem cut down to one row: moving that row moves the outputs, `Q_i ≠ 0`."""
    entries = [x for Q in evidence.moved.values() for x in _flat(Q)]
    proved, wrong = any(x != 0 for x in entries), all(x == 0 for x in entries)
    return Finding(_truth(proved, wrong), "moving it has no effect" if wrong else
                   "moving it changes the outputs" if proved else "its effect is not proved nonzero")


def _scaled_difference(evidence: Evidence, square: arb) -> arb_mat:
    """`square·K − Q`."""
    k, rows = evidence.problem.block, (evidence.kernel * square).tolist()
    for at, Q in evidence.moved.items():
        for a in range(k):
            for b in range(k):
                rows[at * k + a][at * k + b] -= Q[a][b]
    return arb_mat(rows)


def _forms(evidence: Evidence, z: list[arb]) -> tuple[arb, arb]:
    """`zᵀQz` and `zᵀKz`."""
    k, q = evidence.problem.block, ZERO
    for at, Q in evidence.moved.items():
        part = z[at * k:at * k + k]
        q = sum((x * Q[a][b] * y for a, x in enumerate(part) for b, y in enumerate(part)), q)
    row = arb_mat([z])
    return q, (row * evidence.kernel * row.transpose())[0, 0]


def _quotient(evidence: Evidence, z: list[arb]) -> str:
    """`√(zᵀQz / zᵀKz)` in digits, or infinity."""
    q, k = _forms(evidence, z)
    return _show_root(q / k) if k > 0 else "any number"


def _show_root(square: arb) -> str:
    return str(square.max(ZERO).sqrt().str(DIGITS, radius=False))


def _direction_words(proved: bool, wrong: bool, evidence: Evidence) -> str:
    if proved:
        return "proved"
    return "the contrary is proved" if wrong else f"not proved at {evidence.precision} bits"


def _truth(proved: bool, disproved: bool) -> Truth:
    return Truth.PROVED if proved else Truth.DISPROVED if disproved else Truth.UNDECIDED


def _flat(block: list[list[arb]]) -> list[arb]:
    return [x for row in block for x in row]
