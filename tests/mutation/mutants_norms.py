"""Mutants of what the norms of the weights add: scaled adjoints, the kernel with reference rows, dual norms."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

SCALES, REFERENCE, DUAL = "network/layer_scale.py", "problem/norms/function.py", "systems/sublevel/dual_norm.py"
FUNCTION = "problem/norms/reference_rows.py"
DISTANCE, NEARBY = "theorems/distance/given_change.py", "systems/interpolation/nearby.py"

NORMS: tuple[Mutant, ...] = (
    Mutant("norms: rad of scaled adjoints", SCALES, "rad = (b.rad + (error", "rad = ((error", ("scaled_adjoints@2",)),
    Mutant("norms: rounding of scaled adjoints", SCALES, "(b.rad + (error + arithmetic.unit) * b.norm)", "b.rad", ("scaled_adjoints@0",)),
    Mutant("norms: the scale itself for its root", SCALES, "root = fp.sqrt_up(self.squares[h - 1])", "root = self.squares[h - 1]", ("scaled_adjoints@0",)),
    Mutant("norms: no τ² on the diagonal", REFERENCE, "square = arithmetic.multiply(Pair(np.array([tau])), Pair(np.array([tau])))", "square = Pair(np.array([0.0]))", ("reference_kernel@0",)),
    Mutant("norms: rounding of τ²", REFERENCE, "(e[there] + 2.0 * arithmetic.unit * s[there]) * RAISE", "e[there]", ("reference_kernel@0",)),
    Mutant("norms: size without τ²", REFERENCE, "np.sqrt(s[there] ** 2 + tau * tau) * RAISE", "s[there]", ("reference_kernel@1",)),
    Mutant("norms: upper end without τ", FUNCTION, "fp.up(Fraction(upper) * tau)", "upper", ("weight_norms@10",)),
    Mutant("norms: lower end without τ", FUNCTION, "fp.down(Fraction(lower) * tau)", "lower", ("weight_norms@0",)),
    Mutant("norms: relative without the square", SCALES, "squares.append(square)", "squares.append(Fraction(float(square) ** 0.5))", ("weight_norms@2",)),
    Mutant("norms: dual norm, error of the gradient left out", DUAL, "np.concatenate([[fp.up(error)], J.rad])", "np.concatenate([[0.0], J.rad])", ("sublevel_weight_norms@25",)),
    Mutant("norms: dual norm without τ", DUAL, "high = min(high, 1 / (tau * inner)) if inner > 0 else high", "high = min(high, 1 / inner) if inner > 0 else high", ("sublevel_weight_norms@0",)),
    # distances
    Mutant("distance: the ball forgotten", DISTANCE, "ball_of(given(net), scale.reach(layers, radius), layers", "ball_of(given(net), 0.0, layers", ("distance@1",)),
    Mutant("distance: radius of every layer r, not r/s", DISTANCE, "scale.reach(layers, radius)", "radius", note="what the ball adds to the slope is bounded row by row, which loses more than the factor ‖W_h‖"),
    Mutant("distance: slope without the scale", DISTANCE, "layers, 0.0, arithmetic, scale).upper", "layers, 0.0, arithmetic).upper", ("distance@9",)),
    Mutant("distance: the ball's part not added", DISTANCE, "max(found - least, Fraction(0)) * WIDE", "Fraction(0)", ("distance@1",)),
    Mutant("distance: ρ left out", DISTANCE, "scale.length(squares) + Fraction(solution.radius) * fp.sqrt_up(1 / least)", "scale.length(squares)", note="Newton's method ends within 1e-25 of the solution, below what rounding up adds"),
    Mutant("distance: ŵ in the Euclidean norm", DISTANCE, "scale.length(squares)", "LayerScale.euclidean(len(scale.squares)).length(squares)", ("distance@1",)),
    Mutant("distance: targets not moved", "systems/interpolation/equations.py", "t = arithmetic.add(own.mid, Pair(u))", "t = own.mid", ("distance@1",)),
    Mutant("distance: points not moved", "systems/interpolation/equations.py", "s, low = two_sum(X, u)", "s, low = two_sum(X, 0 * u)", ("distance@4",)),
    Mutant("distance: low parts of points dropped", "systems/interpolation/equations.py", "return Balls.make(Pair(s, low), rad * RAISE, arithmetic)", "return Balls.make(Pair(s, 0 * low), rad * RAISE, arithmetic)", ("distance@10",)),
    Mutant("solution: radius of the targets", NEARBY, "(output.rad + y.rad + size)", "(output.rad + size)", note="double-double targets err by 1e-28, and Newton's method ends that far from them"),
)
"""Errors of rounding and of logic in `weights.norm`."""
