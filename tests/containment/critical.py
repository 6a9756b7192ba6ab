"""Containment of the bounds of the critical map: whole problems against jets in balls and a pseudo-inverse."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from certify.format.errors import EnclosureError
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.systems.critical.point import CriticalPoint
from certify.systems.interpolation.nearby import Parameters
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families.critical import critical_problem
from tests.oracles import critical as oracle

SLACK = mp.mpf(10) ** -25
"""What the oracle's own digits may cost."""


def whole_problem(problem: Problem) -> Outcome:
    """Both quantities of a critical problem, its base point and its witness, against the truth."""
    try:
        proving = CriticalPoint(problem, answer, silent)
        bounds = [proving.bound(quantity) for quantity in ("modulus", "sample_modulus")]
    except EnclosureError:
        return "refused"
    if all(b.upper is None and b.lower is None for b in bounds):
        return "refused"
    with oracle.precision():
        system, w = base_of(problem, proving)
        truth = oracle.derive(system, w)
        for bound in bounds:
            if bound.theorem != "M5a":
                explained(problem, bound, truth)
            contained(problem, bound, truth)
            witnessed(problem, bound, truth)
    return "decided" if all(b.upper is not None for b in bounds) else "refused"


def base_of(problem: Problem, proving: CriticalPoint) -> tuple[oracle.System, list[oracle.arb]]:
    """The oracle's own base point: system with its tilt, and weights."""
    base = proving.base()
    w = oracle.System(problem).weights()
    if problem.base == "nearby":
        assert proving.solution is not None
        centre = centre_of(problem, proving.solution.parameters)
        found = oracle.nearest_critical(problem, centre)
        expect(found is not None, "an exact critical point nearby", X=problem.X)
        assert found is not None
        expect(distance(found, centre) <= proving.solution.radius, "radius", claimed=proving.solution.radius)
        expect(distance(found, w) <= base["distance"], "distance", claimed=base["distance"])
        return oracle.System(problem), found
    if base["tilt"] == "weights":
        return oracle.System(problem), w
    centred = problem.loss == "cross_entropy" and not problem.weight_decay
    tilt = oracle.output_tilt(problem, centred)
    expect(tilt is not None, "an output tilt exists", X=problem.X)
    assert tilt is not None
    rows, c = tilt
    length = problem.n * mp.norm(c)
    expect(length <= base["shift_norm"] * (1 + 1e-12), "shift_norm", exact=float(length), claimed=base["shift_norm"])
    system = oracle.System(problem, rows)
    outputs = system.outputs(w)
    paired = abs(sum((oracle.number(v.v * x) for f, r in zip(outputs, rows, strict=True)
                      for v, x in zip(f, r, strict=True)), mp.mpf(0)))
    expect(paired <= mp.mpf(base["shift_loss"]) + SLACK, "shift_loss", exact=float(paired), claimed=base["shift_loss"])
    return system, w


def centre_of(problem: Problem, at: Parameters) -> list[oracle.arb]:
    """The free parameters of a pair of floats each."""
    found: list[oracle.arb] = []
    for h in problem.network.layers(problem.layer):
        for pair in (at.weights[h - 1], at.biases[h - 1]):
            if pair is not None:
                high, low = (part.ravel().tolist() for part in pair)
                found += [oracle.arb(a) + oracle.arb(b) for a, b in zip(high, low, strict=True)]
    return found


def distance(a: list[oracle.arb], b: list[oracle.arb]) -> mp.mpf:
    """Euclidean distance."""
    return mp.sqrt(sum((oracle.number(x - y) ** 2 for x, y in zip(a, b, strict=True)), mp.mpf(0)))


def explained(problem: Problem, bound: Bound, truth: oracle.Truth) -> None:
    """The tilted gradient vanishes, and the rank of H is what was claimed."""
    values = {h.name: h.value for h in bound.hypotheses}
    if "tilt" in values and any("weight space" in h.statement for h in bound.hypotheses):
        residual = mp.mpf(0)
    else:
        residual = mp.norm(truth.gradient)
    expect(residual < mp.mpf(10) ** -30, "the base point is critical", residual=float(residual))
    if bound.upper is not None:
        expect(truth.rank == truth.H.rows - int(values.get("symmetry", 0)), "rank of H", rank=truth.rank, X=problem.X)


def contained(problem: Problem, bound: Bound, truth: oracle.Truth) -> None:
    """`lower ≤ truth ≤ upper`, for the whole and for every row."""
    value = truth.modulus if bound.quantity == "modulus" else max(truth.rows)
    pairs = [(bound.lower, bound.upper, value)]
    pairs += list(zip(bound.row_lower, bound.row_upper, truth.rows, strict=True)) if bound.rows else []
    for low, high, exact in pairs:
        expect(low is None or mp.mpf(low) <= exact + SLACK, f"{bound.quantity} lower ({bound.theorem})",
               lower=low, exact=float(exact), X=problem.X)
        expect(high is None or exact <= mp.mpf(high) + SLACK, f"{bound.quantity} upper ({bound.theorem})",
               upper=high, exact=float(exact), X=problem.X)


def witnessed(problem: Problem, bound: Bound, truth: oracle.Truth) -> None:
    """The witness proves the lower end: `|Cᵀz| ≥ lower |Hz|`."""
    if bound.theorem == "M5a" or "z" not in bound.witness:
        return
    z = mp.matrix([mp.mpf(x) for x in bound.witness["z"]])
    top, bottom = mp.norm(truth.C.T * z), mp.norm(truth.H * z)
    expect(top >= bound.lower * bottom * (1 - mp.mpf(10) ** -12), "witness", ratio=float(top / max(bottom, SLACK)))


def float_modulus(H: np.ndarray, C: np.ndarray) -> float:
    """`‖H⁺C‖` in floats."""
    return float(np.linalg.norm(np.linalg.pinv(H, rcond=1e-9) @ C, 2))


@attack("critical", "M5", "W2", slow=8)
def any_critical_problem(rng: np.random.Generator) -> Outcome:
    return whole_problem(critical_problem(rng))
