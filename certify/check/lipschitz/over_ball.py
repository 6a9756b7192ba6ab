"""How steep `⟨z, G(u, ·)⟩` can be on a ball of weights, by Euclidean radii around exact midpoints (F1, R8, R9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import given
from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import NotSmooth
from certify.check.linalg.balls import ONE, ZERO, norm, squares
from certify.check.linalg.small.spectral import spectral
from certify.check.reading.subject import Problem

Rows = list[list[arb]]


@dataclass(frozen=True)
class Centre:
    """Passes at the given weights, for the vector z: what does not depend on a radius.

    Attributes:
        inputs: `A[h]`, the rows of `a_h`, of every layer h + 1.
        before: the pre-activations of the hidden layers.
        slopes: their `φ'`.
        pulled: `W_hᵀv_h` before the slopes, of the layers from the last to the second.
        adjoints: `v_h`, from the last layer to the first.
        sizes: upper bounds of `‖W_h‖₂`.
    """

    inputs: list[Rows]
    before: list[Rows]
    slopes: list[Rows]
    pulled: list[Rows]
    adjoints: list[Rows]
    sizes: list[arb]


def passes(problem: Problem, points: Sequence[Sequence[arb]], z: Sequence[arb]) -> Centre:
    """One pass forward, one back."""
    phi, depth, parameters, k = ACTIVATIONS[problem.activation], len(problem.layers), given(problem), problem.outputs
    A = [[arb(v) for v in point] for point in points]
    inputs, before, slopes = [A], [], []
    for h in range(1, depth):
        b, Z = parameters.biases[h - 1], (arb_mat(A) * parameters.weights[h - 1].transpose()).tolist()
        Z = Z if b is None else [[x + v for x, v in zip(row, b, strict=True)] for row in Z]
        before.append(Z)
        slopes.append([[phi.slope(x) for x in row] for row in Z])
        A = [[phi.value(x) for x in row] for row in Z]
        inputs.append(A)
    adjoints, pulled = [[list(z[i:i + k]) for i in range(0, len(z), k)]], []
    for h in range(depth, 1, -1):
        pulled.append((arb_mat(adjoints[-1]) * parameters.weights[h - 1]).tolist())
        pairs = zip(pulled[-1], slopes[h - 2], strict=True)
        adjoints.append([[x * s for x, s in zip(*rows, strict=True)] for rows in pairs])
    return Centre(inputs, before, slopes, pulled, adjoints, [spectral(W) for W in parameters.weights])


def steepness(problem: Problem, at: Centre, radius: arb) -> arb:
    """Upper bound of `|S⁻¹J(w)ᵀz|` over `|w − w̄|_S ≤ radius`, J the Jacobian at the points of the centre.

    Layer h may move by `r_h = radius/s_h`, weights and bias each. Inputs `|Δa| ≤ α`, pre-activations
    `|Δ(Wa + b)| ≤ ‖W‖α + r(|a| + α) + r`; a unit follows by `sup|φ'|`, its slope by `sup|φ''|`, and adjoints likewise;
    the gradient of a layer, `Σ_i v_iã_iᵀ`, by `Σ_i (|Δv_i||ã_i| + |v_i||Δa_i|)`.

    Raises:
        NotSmooth: a pre-activation may reach a kink.
    """
    phi, depth = ACTIVATIONS[problem.activation], len(problem.layers)
    scale, reach = layer_squares(problem), reaches(problem, radius)
    spreads, loose = [[ZERO] * len(at.inputs[0])], []
    for h in range(1, depth):
        spread = carried(problem, h, at.sizes[h - 1], reach[h - 1], at.inputs[h - 1], spreads[-1])
        if phi.kinked:
            require_away(problem, h, at.before[h - 1], spread)
        loose.append([slope_spread(phi.bend, phi.steepest, row, s)
                      for row, s in zip(at.slopes[h - 1], spread, strict=True)])
        spreads.append([(phi.steepest * s).upper() for s in spread])
    apart, total = [ZERO] * len(at.inputs[0]), ZERO
    for h in range(depth, 0, -1):
        V = at.adjoints[depth - h]
        if h in scale:
            biased = problem.layers[h - 1].biases is not None
            total += scale[h] * _gradient(V, apart, at.inputs[h - 1], spreads[h - 1], biased) ** 2
        if h == 1:
            break
        apart = carried_back(problem, at.sizes[h - 1], reach[h - 1], V, at.pulled[depth - h], apart, loose[h - 2])
    return total.sqrt().upper()


def reaches(problem: Problem, radius: arb) -> list[arb]:
    """How far every layer may move, `radius/s_h`; 0 for one that is not free."""
    scale = layer_squares(problem)
    return [(radius * scale[h].sqrt()).upper() if h in scale else ZERO for h in range(1, len(problem.layers) + 1)]


def carried(problem: Problem, h: int, size: arb, reach: arb, A: Rows, spread: list[arb]) -> list[arb]:
    """Radii of `Wa + b` of layer h for inputs with radii, `‖W‖₂ ≤ size`, W and b each within reach."""
    shift = ZERO if problem.layers[h - 1].biases is None else reach
    return [(size * s + reach * (norm(a) + s) + shift).upper() for a, s in zip(A, spread, strict=True)]


def carried_back(
    problem: Problem, size: arb, reach: arb, V: Rows, pulled: Rows, apart: list[arb], loose: list[arb],
) -> list[arb]:
    """Radii of the adjoints `φ'∘Wᵀv` one layer down: v with radii `apart`, `pulled` the `Wᵀv`, slopes up to `loose`."""
    steepest = ACTIVATIONS[problem.activation].steepest
    apart = [(size * s + reach * (norm(v) + s)).upper() for v, s in zip(V, apart, strict=True)]
    return [(steepest * s + (norm(p) + s) * t).upper() for p, s, t in zip(pulled, apart, loose, strict=True)]


def _gradient(V: Rows, apart: list[arb], A: Rows, spread: list[arb], biased: bool) -> arb:
    """Upper bound of the norm of `Σ_i v_iã_iᵀ`, for all v and a within their radii."""
    rows = [[*row, ONE] for row in A] if biased else A
    error = ZERO
    for v, s, a, t in zip(V, apart, A, spread, strict=True):
        length = ((norm(a) + t) ** 2 + (1 if biased else 0)).sqrt()
        error += s * length + (norm(v) + s) * t
    return (squares((arb_mat(V).transpose() * arb_mat(rows)).entries()).sqrt() + error).upper()


def slope_spread(bend: float, steepest: float, slopes: list[arb], spread: arb) -> arb:
    """Bound of the change of a row's slopes (or second derivatives): by their own slope, and by what they can be."""
    largest = ZERO
    for s in slopes:
        largest = largest.max(abs(s))
    return (bend * spread).min(steepest + largest).upper()


def require_away(problem: Problem, h: int, Z: Rows, spread: list[arb]) -> None:
    """Raise `NotSmooth` where a pre-activation within its radius may be 0."""
    for at, (row, s) in enumerate(zip(Z, spread, strict=True)):
        for unit, x in enumerate(row):
            if not abs(x) > s:
                raise NotSmooth(f"the input of unit {unit} of layer {h} at row {problem.kept[at]}, over the ball,",
                                False)
