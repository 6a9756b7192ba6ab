"""Mutants of the kernels for losses, gradients, reach, persistence, solutions nearby, uncertain weights and scale."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import BALL, CONGRUENCE, FACTOR, JACOBIAN, SLACK, Mutant

GRADIENTS, REACH = "network/layers/gradients.py", "network/lipschitz/reach.py"
SQUARED, LOGISTIC, ENTROPY = (f"network/loss/{name}.py" for name in ("squared", "logistic", "cross_entropy"))
BY_ARB = "network/loss/by_arb.py"
TOTAL, PER_SAMPLE = "problem/sets/total.py", "problem/sets/per_sample.py"
SUBLEVEL, POINT, PERSISTENCE, ATTACK, NEARBY = "theorems/modulus/sublevel.py", "systems/sublevel/descent.py", "theorems/persistence/radius.py", "finders/loss_attack.py", "systems/interpolation/nearby.py"

TRAINING: tuple[Mutant, ...] = (
    # uncertain weights
    Mutant("affine: radius of the matrix", BALL, "rad = rad + W.radius * x.norm", "rad = rad + 0.0 * x.norm", ("affine@0",)),
    Mutant("affine: radius of the bias", BALL, "arithmetic.unit * size + b_radius", "arithmetic.unit * size", ("affine@4",)),
    Mutant("matrix: low part", BALL, "extra = 0.0 if low is None else fp.frobenius(low)", "extra = 0.0", note=SLACK),
    Mutant("matrix: turned without its radius", BALL, "self.spectral, self.frobenius, self.radius)", "self.spectral, self.frobenius)", ("uncertain_passes@1",)),
    Mutant("ball of parameters: low parts", NEARBY, "extra = 0.0 if double or not low.any() else fp.frobenius(low)", "extra = 0.0", note=SLACK),
    Mutant("ball of parameters: bias", NEARBY, "else Pair(b[0]), (r + extra) * RAISE)", "else Pair(b[0]), 0.0)", ("uncertain_passes@1",)),
    Mutant("row radii: rad of A", JACOBIAN, "b.rad * alpha + b.norm * r + arith", "b.rad * alpha + arith", ("jacobian@30",)),
    Mutant("row radii: rad of B", JACOBIAN, "(rad + b.rad * alpha + b.norm", "(rad + b.norm", ("jacobian@147",)),
    # scale
    Mutant("scaled: radius not stretched", FACTOR, "(gradients.rad + extra) * most", "(gradients.rad + extra)", ("feature_factor@20",)),
    Mutant("scaled: rounding", FACTOR, "extra = 8.0 * U * gradients.norm", "extra = 0.0 * gradients.norm", ("feature_factor@17",)),
    # losses
    Mutant("squared: rounding of f − y", SQUARED, "arithmetic.unit * (output.norm + fp.row_norms(y))", "0.0", ("loss_terms@22",)),
    Mutant("squared: radius of f", SQUARED, "rad = (output.rad + arithmetic.unit", "rad = (arithmetic.unit", ("loss_terms@1",)),
    Mutant("squared: radius in the value", SQUARED, " + (size + slopes.norm) * (rad + low)", "", ("loss_terms@1",)),
    Mutant("squared: low part in the value", SQUARED, "* (rad + low)", "* rad", note=SLACK),
    Mutant("squared: rounding of the value", SQUARED, "(fp.dot_unit(c.shape[1]) + 4 * fp.U) * size**2 + ", "", ("loss_terms@20",)),
    Mutant("logistic: ¼", LOGISTIC, "np.full(len(sign), 0.25)", "np.full(len(sign), 0.2)", ("loss_terms@0",)),
    Mutant("cross-entropy: ½ Σq", ENTROPY, "0.5 * fp.require_finite(q.sum", "0.3 * fp.require_finite(q.sum", ("loss_terms@11",)),
    Mutant("losses: radius of the slopes", BY_ARB, "rad = rad + _ERROR * np.sqrt(k) * 2", "rad = 0 * rad + _ERROR * np.sqrt(k) * 2", ("loss_terms@0",)),
    Mutant("losses: rest of the slopes", BY_ARB, "(0.0 if double else fp.row_norms(second))", "0.0", ("loss_terms@10",)),
    Mutant("losses: radius of the value", BY_ARB, " + norm * output.rad) * RAISE", ") * RAISE", ("loss_terms@0",)),
    Mutant("losses: rounding of the value", BY_ARB, "error = (2.0**-52 * (1 + np.abs(value)) + norm", "error = (norm", ("loss_terms@10",)),
    Mutant("losses: sign of the label", LOGISTIC, "np.where(labels > 0, 1.0, -1.0)", "np.where(labels > 0, -1.0, 1.0)", ("loss_terms@0",)),
    Mutant("losses: weight of the probabilities", ENTROPY, "weight * x / total - p", "x / total - p + 0 * weight", ("loss_terms@11",)),
    # gradients
    Mutant("gradient: product", GRADIENTS, "Fraction(arithmetic.product_unit(n)) * size_v", "0 * size_v", note="the radius `unit·(|f| + |y|)` of the residuals is as large as the error of the sum over rows"),
    Mutant("gradient: balls", GRADIENTS, "* Fraction(RAISE) + balls", "* Fraction(RAISE)", ("descent@3",)),
    Mutant("gradient: rad of A in the balls", GRADIENTS, "v.rad * alpha + v.norm * a.rad", "v.rad * alpha", ("blurred_inputs_of_a_layer",)),
    Mutant("gradient: rad of V in the balls", GRADIENTS, "v.rad * alpha + v.norm * a.rad", "v.norm * a.rad", ("descent@3",)),
    Mutant("gradient: n·λ rounded", GRADIENTS, "error += abs(Fraction(n) * Fraction(decay) - factor) * size", "error += 0", note="`array_norm` allows 4(r + c + 32)u of the norm, the rounding of n·λ is one u"),
    Mutant("gradient: sums with λW", GRADIENTS, "error += Fraction(arithmetic.unit) * sizes", "error += 0 * sizes", note="the product's 3u of `|v||a|` covers the rounding of λW where the two cancel, `array_norm`'s slack elsewhere"),
    Mutant("gradient: λW forgotten", GRADIENTS, "M = arithmetic.add(M, D)", "pass", ("descent@1",)),
    Mutant("gradient: λ without n", GRADIENTS, "scaled = n * decay", "scaled = 1 * decay", note="equivalent: the bound adds `|nλ − scaled||W|`, so that any `scaled` is paid for"),
    Mutant("gradient: bias forgotten", GRADIENTS, "np.ones((n, 0 if bias is None else 1))", "np.zeros((n, 0 if bias is None else 1))", ("descent@3",)),
    Mutant("gradient: slack", GRADIENTS, "Fraction(4 * (M.shape[0] + M.shape[1] + 32)) * Fraction(fp.U)", "Fraction(0)", ("descent@1",)),
    Mutant("gradient: floor", GRADIENTS, "- low - error - floor", "- low - error", note="the radius of the balls is above the floor in every net tried; tests/unit/network/test_attacks.py sees it on zero matrices"),
    Mutant("gradient: low part", GRADIENTS, "upper + low + error)", "upper + error)", note=SLACK),
    Mutant("row norms: radius", GRADIENTS, "(v.rad + low + 2 * fp.U * v.norm)", "(0.0 * v.rad)", ("descent@0",)),
    Mutant("row norms: rounding of the scale", GRADIENTS, "(v.rad + low + 2 * fp.U * v.norm)", "(v.rad + low)", note="`slack` of the row norms is 4(d + 32)u"),
    Mutant("row norms: radius not stretched", GRADIENTS, "* v.norm) * stretch * RAISE", "* v.norm) * RAISE", ("blurred_slopes_in_large_units",)),
    # sublevel
    Mutant("loss: decay forgotten", POINT, "centre += Fraction(problem.weight_decay) / 2 * square", "pass", ("sublevel_modulus@0",)),
    Mutant("loss: errors forgotten", POINT, "return Norm(centre - error, centre + error)", "return Norm(centre, centre)", ("sublevel_modulus@5",)),
    Mutant("sublevel: n forgotten", SUBLEVEL, "value = data / problem.n / weights", "value = data / weights", ("sublevel_modulus@3",)),
    Mutant("sublevel: lower over lower", SUBLEVEL, "_ratio(problem, part.lower, d.weight_norm.upper, down=True)", "_ratio(problem, part.lower, d.weight_norm.lower)", ("sublevel_modulus@0",)),
    Mutant("sublevel: the largest row alone", PER_SAMPLE, "sorted(ends.tolist())[-count:]", "sorted(ends.tolist())[-1:]", ("sublevel_modulus@8",)),
    Mutant("sublevel: still rows move", POINT, "np.where(still, 0.0, lower),", "lower,", ("radii_known_exactly",)),
    Mutant("sublevel: kinks ignored", SUBLEVEL, "if d.passed.kinks[0]:", "if False:", ("kinks_of_the_loss",)),
    Mutant("sublevel: zero gradient ignored", SUBLEVEL, "if d.weight_norm.lower <= 0:", "if d.weight_norm.lower < 0:", note="no bound comes out: the division by zero raises"),
    Mutant("sublevel: every level is inside", "systems/sublevel/point.py", "if Fraction(level) > d.loss.upper:", "if Fraction(level) > 0:", ("loss_beside_its_level",)),
    Mutant("sublevel: scale forgotten", POINT, "row_norm_ends(adjoints[0], problem.scale)", "row_norm_ends(adjoints[0], None)", ("sublevel_modulus@2",)),
    # persistence
    Mutant("persistence: room not times n", PERSISTENCE, "(problem.n * (level - d.loss.upper), problem.n", "(2 * problem.n * (level - d.loss.upper), problem.n", ("radii_known_exactly",)),
    Mutant("persistence: curvature λS²", PERSISTENCE, "curved = lam * S * S * RAISE", "curved = 0.0 * lam * S * S", ("rise_over_the_kinks",)),
    Mutant("persistence: cρ/τ", PERSISTENCE, "(curved + c * fp.row_norms(found.steady) * RAISE / tau)", "(curved + 0.0 * c)", ("rise_of_curved_nets",)),
    Mutant("persistence: cρ", PERSISTENCE, "((g + c * rho) * RAISE, curved)", "(g, curved)", ("rise_of_curved_nets",)),
    Mutant("persistence: cS without movement", PERSISTENCE, "fp.row_norms((found.centre + found.moved) * RAISE)", "fp.row_norms(found.centre * RAISE)", ("rise_over_the_kinks",)),
    Mutant("persistence: constant without cΔ", PERSISTENCE, "(c * delta + 0.5 * lam * delta**2)", "(0.5 * lam * delta**2)", ("rise_over_the_kinks",)),
    Mutant("persistence: ReLU taken for smooth", PERSISTENCE, "if activation(p.network.activation).smooth:", "if True:", ("rise_over_the_kinks",)),
    Mutant("persistence: μ forgotten", PERSISTENCE, " + Fraction(mu) * Fraction(radius) ** 2 / 2\n", "\n", ("rise_over_the_kinks",)),
    Mutant("persistence: intervals from the last only", PERSISTENCE, "range(top, top - 16, -1)", "range(top - 15, top - 16, -1)", ("rise_over_the_kinks",)),
    Mutant("persistence: vertex taken at the end", PERSISTENCE, "value = np.where(vertex < low * (1 - 1e-9), _at_end(a, safe, low), top)", "value = _at_end(a, safe, high)", ("radii_known_exactly",)),
    Mutant("persistence: 2^-40 of the bend", PERSISTENCE, "bend = (mu - q) * (1 - 2.0**-40)", "bend = mu - q", note=SLACK),
    Mutant("persistence: 2^-45 of an end", PERSISTENCE, "t * t + 2.0**-45 * (a * t + 0.5 * bend * t * t)", "t * t", note=SLACK),
    Mutant("persistence: 2^-45 of the constant", PERSISTENCE, " + 2.0**-45 * (constant + 0.5 * mu * low**2)", "", note=SLACK),
    Mutant("persistence: intervals below the radius", PERSISTENCE, "        while self.RATIO**top < radius:  # the logarithms are rounded; the intervals must reach the radius\n            top += 1\n", "", note="the gap is a few u wide, and every quadratic has 2^-40 to spare"),
    Mutant("persistence: targets per sample", PER_SAMPLE, "return rows", "return 1", ("radii_known_exactly",)),
    Mutant("persistence: targets without ½mε²", PERSISTENCE, "fp.sqrt_down(size.upper**2 + 2 * m * low)", "fp.sqrt_down(size.upper**2 + 4 * m * low)", ("radii_known_exactly",)),
    Mutant("persistence: sample weights, other end", PERSISTENCE, "return low / size.upper, None", "return high / size.lower, None", ("radii_known_exactly",)),
    Mutant("attack: the loss not proved", ATTACK, "<= Fraction(problem.level):\n        return None", "<= 0:\n        return None", ("persistence_radius@0",)),
    Mutant("attack: budget of the largest row", TOTAL, "float(fp.row_norms(sizes[None, :])[0]) * RAISE", "float(sizes.max())", ("radii_known_exactly",)),
    Mutant("attack: budget not in units", ATTACK, "gap / np.where(scale > 0, scale, 1.0)", "gap", ("radii_known_exactly",)),
    # reach
    Mutant("reach: slopes do not change", REACH, "rho = (largest * rho + change * N) * RAISE", "rho = (largest * rho) * RAISE", ("rise_over_the_kinks",)),
    Mutant("reach: first movement", REACH, "moved = N * t[:, None] * RAISE", "moved = 0.0 * N * t[:, None]", ("rise_over_the_kinks",)),
    Mutant("reach: largest slope", REACH, "largest = np.minimum(most, (d + r + change) * RAISE)", "largest = np.minimum(most, (d + r) * RAISE)", ("rise_over_the_kinks",)),
    Mutant("reach: movement of Jacobians", REACH, "moved = np.minimum((N + rho) * t[:, None]", "moved = np.minimum(N * t[:, None]", ("rise_over_the_kinks",)),
    Mutant("reach: error of slopes", REACH, "error = ((d + r) * error + (r + 2 * U) * N) * RAISE", "error = 0.0 * error", ("reach@388",)),
    Mutant("reach: error of products", REACH, "fp.dot_unit(W.shape[1]) * (N @ size)", "0.0 * (N @ size)", note="the error of slopes and the rounding of norms are larger in every small net"),
    Mutant("reach: kinks", REACH, "phi.slope_bound, 0.0)", "0.0, 0.0)", ("rise_over_the_kinks",)),
    Mutant("reach: range of tanh", REACH, '{"tanh": 2.0, "sigmoid": 1.0}', '{"tanh": 0.5, "sigmoid": 0.25}', ("reach@11",)),
    # solutions nearby
    Mutant("nearby: contraction not asked", NEARBY, "if theta < 1 and needed <= Fraction(radius):", "if needed * 0 <= Fraction(radius):", ("nearby@0",)),
    Mutant("nearby: residual", NEARBY, "gamma = applied(X.X, residual)", "gamma = applied(X.X, residual) / 2**20", ("nearby@0",)),
    Mutant("nearby: distance without the radius", NEARBY, "fp.up(fp.sqrt_up(total) + Fraction(radius))", "fp.up(fp.sqrt_up(total))", ("nearby*70",)),
    Mutant("nearby: bounds at the file's weights", "systems/interpolation/point.py", "tier.jacobian, self.solution, tier.passes)", "tier.jacobian, None, tier.passes)", ("nearby@2",)),
    Mutant("nearby: frozen layers move", NEARBY, "    for h in layers:\n        B = ", "    for h in range(1, len(weights) + 1):\n        B = ", ("nearby@16",)),
    Mutant("congruence of J: error forgotten", CONGRUENCE, "Congruence(found.X, found.F, found.error, found.epsilon", "Congruence(found.X, found.F, Fraction(0), found.epsilon", ("jacobian_moduli@0",)),
)
