"""Mutants of second derivatives: every error term of H1 to H3 set to zero, and errors of logic, with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import SLACK, UNDERFLOW, Mutant

STACKS, OBJECTIVE, OUTER = "network/layers/stacks.py", "network/layers/objective.py", "network/loss/hessian.py"
HESSIAN, MIXED, GRADIENTS = "network/layers/hessian.py", "network/layers/mixed.py", "network/layers/gradients.py"
ELU = "rigor/activation/elu.py"

SECOND: tuple[Mutant, ...] = (
    # stacks
    Mutant("stack: radius in the norm", STACKS, "(arithmetic.row_norms(mid.reshape(n, -1)) + rad) * RAISE", "arithmetic.row_norms(mid.reshape(n, -1)) * RAISE", ("stacks@0",)),
    Mutant("stack: rounded", STACKS, "(self.rad + dropped) * RAISE, (self", "self.rad, (self", ("stacks@5",)),
    Mutant("diagonals: √m as 0", STACKS, "d.rad * (np.sqrt(float(m)) * RAISE * RAISE)", "d.rad * 0.0", ("stacks@1",)),
    Mutant("stack times: spectral·rad", STACKS, "rad = W.spectral * x.rad + (", "rad = 0.0 * x.rad + (", ("stacks@2",)),
    Mutant("stack times: product", STACKS, "(arithmetic.product_unit(k) * W.frobenius + W.radius)", "W.radius", ("stacks@6",)),
    Mutant("stack times: radius of the matrix", STACKS, "* W.frobenius + W.radius) * x.norm", "* W.frobenius) * x.norm", ("stacks@0",)),
    Mutant("stack times: floor", STACKS, "np.sqrt(float(r))) * fp.FLOOR", "np.sqrt(float(r))) * 0.0", note=UNDERFLOW),
    Mutant("stack scaled: λ·rad", STACKS, "rad = d.bound * x.rad + x.norm", "rad = x.norm", ("stacks@1",)),
    Mutant("stack scaled: radius of the slope", STACKS, "x.norm * (d.rad + arithmetic", "x.norm * (arithmetic", ("stacks@1",)),
    Mutant("stack scaled: unit", STACKS, "(d.rad + arithmetic.unit * (d.bound + d.rad))", "d.rad", ("stacks@0",)),
    Mutant("plus diagonal: unit", STACKS, "x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)", "x.rad + y.rad", ("stacks@0",)),
    Mutant("plus diagonal: rad of y", STACKS, "rad = x.rad + y.rad + arith", "rad = x.rad + arith", ("stacks@1",)),
    Mutant("plus diagonal: rad of x", STACKS, "rad = x.rad + y.rad + arith", "rad = y.rad + arith", ("stacks@3",)),
    # passes
    Mutant("bends ignored", OBJECTIVE, "(at := phi.bend(z.mid.hi, z.rad[:, None])).any()", "(at := phi.kink(z.mid.hi, z.rad[:, None])).any()", ("close_to_the_bend",)),
    Mutant("kinks ignored", OBJECTIVE, "(at := phi.bend(z.mid.hi, z.rad[:, None])).any()", "(at := phi.bend(z.mid.hi, z.rad[:, None]) & False).any()", ("close_to_the_bend",)),
    Mutant("elu without its bend", ELU, "bends: ClassVar[tuple[float, ...]] = (0.0,)", "bends: ClassVar[tuple[float, ...]] = ()", ("close_to_the_bend",)),
    Mutant("tilt: radius", OBJECTIVE, "c.rad + n * tilt.rad + arithmetic", "c.rad + arithmetic", ("uncertain_tilts",)),
    Mutant("tilt: rounding", OBJECTIVE, "arithmetic.unit * (c.norm + 3.0 * size)", "0.0", note=SLACK),
    Mutant("tilt: sign", OBJECTIVE, "Pair(np.full((1, 1), -n))", "Pair(np.full((1, 1), n))", ("uncertain_tilts",)),
    Mutant("tilt: without n", OBJECTIVE, "Pair(np.full((1, 1), -n))", "Pair(np.full((1, 1), -1.0))", ("uncertain_tilts",)),
    Mutant("tilt: one radius a row", OBJECTIVE, "radius = fp.row_norms(rad) * rad.any(axis=1)", "radius = rad.min(axis=1)", ("uncertain_tilts",)),
    Mutant("tilt: low part", OBJECTIVE, "(radius + fp.row_norms(pair.lo)) * RAISE", "radius", note=SLACK),
    Mutant("ball: matrices", OBJECTIVE, "radius=(layer.weight.radius + rho) * RAISE", "radius=layer.weight.radius", ("close_to_the_bend",)),
    Mutant("ball: biases", OBJECTIVE, "bias_radius=(layer.bias_radius + rho) * RAISE", "bias_radius=layer.bias_radius", ("hessian@14",)),
    Mutant("φ'': radius of z", OBJECTIVE, "phi.third * (z.rad + low) +", "phi.third * low +", ("blurred_curvature",)),
    Mutant("φ'': low part of z", OBJECTIVE, "phi.third * (z.rad + low) +", "phi.third * z.rad +", note=SLACK),
    Mutant("φ'': error", OBJECTIVE, "+ found.error.max(axis=1)) * RAISE", ") * RAISE", note=SLACK),
    Mutant("φ'' forgotten", OBJECTIVE, "S = S if bend is None else plus_diagonal(S, bend, arithmetic)", "S = S", ("blurred_curvature",)),
    Mutant("G: slopes forgotten", OBJECTIVE, "                    G = scaled(G, slopes[h - 1], arithmetic)", "                    G = G", ("hessian@9",)),
    # losses
    Mutant("outer logistic: radius", OUTER, "rad = (1.0 + c.rad) * c.rad + 2.0", "rad = 2.0", ("blurred_outputs",)),
    Mutant("outer logistic: rounding", OUTER, "2.0 * arithmetic.unit * size * (1.0 + size)", "0.0", ("loss_hessians@19",)),
    Mutant("outer cross-entropy: δ of the diagonal", OUTER, "rad = delta + 2.0 * size", "rad = 2.0 * size", note="the radius of `ttᵀ`, twice δ, covers it"),
    Mutant("outer cross-entropy: δ of ttᵀ", OUTER, "rad = delta + 2.0 * size * delta * bound + size", "rad = delta + size", note="in all that was tried δ of the diagonal covered both; `both δ` is killed"),
    Mutant("outer cross-entropy: both δ", OUTER, "rad = delta + 2.0 * size * delta * bound + size", "rad = size", ("blurred_outputs",)),
    Mutant("outer cross-entropy: 1/W", OUTER, "+ size * size * error + 3.0", "+ 3.0", note=SLACK),
    Mutant("outer cross-entropy: roundings", OUTER, "3.0 * unit * square + unit * (size + square)", "0.0", note=SLACK),
    Mutant("outer cross-entropy: rounding of t", OUTER, "(c.rad + arithmetic.unit * (c.norm + size_q))", "(c.rad)", note=SLACK),
    Mutant("outer cross-entropy: W = 1", OUTER, "enclosed_pair(1 / W) if W else", "enclosed_pair(1 + 0 * W) if W else", ("blurred_outputs",)),
    # Hessian
    Mutant("sheet: rad of P", HESSIAN, "rad = P.rad * a.norm + P.norm * a.rad", "rad = P.norm * a.rad", ("second_sums@5",)),
    Mutant("sheet: rad of ã", HESSIAN, "rad = P.rad * a.norm + P.norm * a.rad", "rad = P.rad * a.norm", ("second_sums@7",)),
    Mutant("sheet: rad of v", HESSIAN, "rad = rad + v.rad * G.norm + v.norm * G.rad", "rad = rad + v.norm * G.rad", ("second_sums@3",)),
    Mutant("sheet: rad of G", HESSIAN, "rad = rad + v.rad * G.norm + v.norm * G.rad", "rad = rad + v.rad * G.norm", ("second_sums@0",)),
    Mutant("sheet: roundings", HESSIAN, "(rad + 3.0 * U * size) * RAISE", "rad * RAISE", note=SLACK),
    Mutant("sheet: v ⊗ G forgotten", HESSIAN, "R[:, :, :, :d] += self.v", "R[:, :, :, :d] += 0.0 * self.v", ("second_sums@0",)),
    Mutant("Hessian: rad of R", HESSIAN, "a.norm * sheets.rad + a.rad * sheets.norm", "a.rad * sheets.norm", ("second_sums@0",)),
    Mutant("Hessian: rad of ã", HESSIAN, "a.norm * sheets.rad + a.rad * sheets.norm", "a.norm * sheets.rad", ("second_sums@2",)),
    Mutant("Hessian: product", HESSIAN, "(fp.exact(self.balls[key]) + unit * size) / n", "(fp.exact(self.balls[key]) + 0 * size) / n", ("sums_of_many_rows",)),
    Mutant("Hessian: sum over chunks", HESSIAN, "Fraction(fp.dot_unit(self.longest)) + Fraction(fp.dot_unit(self.count)) * Fraction(RAISE)", "Fraction(fp.dot_unit(self.longest))", note=SLACK),
    Mutant("Hessian: floors", HESSIAN, "floor = Fraction(fp.FLOOR) * sum(block.shape)", "floor = 0 * sum(block.shape)", note=UNDERFLOW),
    Mutant("Hessian: division and decay", HESSIAN, "summed + 3 * Fraction(U) * spread", "summed", ("decay_in_balls",)),
    Mutant("Hessian: decay forgotten", HESSIAN, "H[on, on] += decay", "H[on, on] += 0.0", ("hessian@1",)),
    Mutant("Hessian: biases among the weights", HESSIAN, "if (order != on).any():", "if False:", ("second_sums@1",)),
    Mutant("Hessian: blocks as one", HESSIAN, "fp.up(nonnegative_norm(fp.require_finite(blocks", "float(np.max(fp.require_finite(blocks", ("linear_chains_in_balls",)),
    # mixed
    Mutant("mixed: roundings of scale and 1/n", MIXED, "(rad + 3.0 * U * norm) * most", "rad * most", note=SLACK),
    Mutant("mixed: radius not stretched", MIXED, "(rad + 3.0 * U * norm) * most / n", "(rad + 3.0 * U * norm) / n", ("features_in_units",)),
    Mutant("mixed: the tilt moves", MIXED, 'if move.parameter == "sample_weights":', "if False:", ("mixed@2",)),
    Mutant("mixed: scale forgotten", MIXED, "mid *= scale[None, :, None]", "pass", ("features_in_units",)),
    Mutant("mixed: 1/n of the rows that move", MIXED, "part = _divided(found, objective.n, move.scale)", "part = _divided(found, len(rows), move.scale)", ("mixed@2",)),
    Mutant("mixed: sign of targets", MIXED, "np.tile(-np.eye(k)", "np.tile(np.eye(k)", ("linear_chains_in_balls",)),
    Mutant("gram: balls", MIXED, "sums.add(len(rows), 2.0 * part.rad * part.norm,", "sums.add(len(rows), 0.0 * part.norm,", ("mixed@2",)),
    Mutant("gram: one side", MIXED, "sums.add(len(rows), 2.0 * part.rad * part.norm,", "sums.add(len(rows), 0.5 * part.rad * part.norm,", ("uncertain_tilts",)),
    Mutant("image: balls", MIXED, "sums.add(len(rows), part.rad * size,", "sums.add(len(rows), 0.0 * size,", ("mixed@2",)),
    Mutant("adjoint: balls", MIXED, "((rad + Fraction(fp.dot_unit(p)) * (norm + floors)) * size)", "(Fraction(fp.dot_unit(p)) * (norm + floors) * size)", ("mixed@10",)),
    Mutant("adjoint: product", MIXED, "((rad + Fraction(fp.dot_unit(p)) * (norm + floors)) * size)", "(rad * size)", note=SLACK),
    Mutant("products: rounding", MIXED, "fp.up(self.balls + unit *", "fp.up(self.balls + 0 *", ("sums_of_many_rows",)),
    # gradient
    Mutant("tilted gradient: n·error", GRADIENTS, "error = error / n + size *", "error = 0 * error + size *", ("uncertain_tilts",)),
    Mutant("tilted gradient: 1/n", GRADIENTS, "size * (Fraction(off) + unit * Fraction(hi) * Fraction(RAISE))", "0 * size", note=SLACK),
    Mutant("tilted gradient: sums", GRADIENTS, "error += unit * (2 * rate * all_weights + size / n) * Fraction(RAISE)", "error += 0", ("hessian@23",)),
    Mutant("tilted gradient: ball of weights", GRADIENTS, "moved = rank * Fraction(layer.weight.radius)", "moved = 0 * rank", ("decay_in_balls",)),
    Mutant("tilted gradient: rank", GRADIENTS, "fp.sqrt_up(Fraction(min(W.hi.shape)))", "Fraction(1, 2)", ("decay_in_balls",)),
    Mutant("tilted gradient: ball of biases", GRADIENTS, "moved += Fraction(layer.bias_radius) if", "moved += 0 if", note="the radius of the matrix, the same ρ and at least once, covers a move of the bias alone or of both"),
)
