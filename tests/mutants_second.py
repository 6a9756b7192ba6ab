"""Mutants of second derivatives: every error term of H1 to H3 set to zero, and errors of logic, with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutants import Mutant

STACKS, OBJECTIVE, OUTER = "network/stacks.py", "network/objective.py", "network/loss_hessian.py"
HESSIAN, MIXED, GRADIENTS = "network/hessian.py", "network/mixed.py", "network/gradients.py"
ELU = "rigor/activation/elu.py"

SECOND: tuple[Mutant, ...] = (
    # stacks
    Mutant("stack: radius in the norm", STACKS, "(arithmetic.row_norms(mid.reshape(n, -1)) + rad) * RAISE", "arithmetic.row_norms(mid.reshape(n, -1)) * RAISE"),
    Mutant("stack: rounded", STACKS, "(self.rad + dropped) * RAISE, (self", "self.rad, (self"),
    Mutant("diagonals: √m as 0", STACKS, "d.rad * (np.sqrt(float(m)) * RAISE * RAISE)", "d.rad * 0.0"),
    Mutant("stack times: spectral·rad", STACKS, "rad = W.spectral * x.rad + (", "rad = 0.0 * x.rad + ("),
    Mutant("stack times: product", STACKS, "(arithmetic.product_unit(k) * W.frobenius + W.radius)", "W.radius"),
    Mutant("stack times: radius of the matrix", STACKS, "* W.frobenius + W.radius) * x.norm", "* W.frobenius) * x.norm"),
    Mutant("stack times: floor", STACKS, "np.sqrt(float(r))) * fp.FLOOR", "np.sqrt(float(r))) * 0.0"),
    Mutant("stack scaled: λ·rad", STACKS, "rad = d.bound * x.rad + x.norm", "rad = x.norm"),
    Mutant("stack scaled: radius of the slope", STACKS, "x.norm * (d.rad + arithmetic", "x.norm * (arithmetic"),
    Mutant("stack scaled: unit", STACKS, "(d.rad + arithmetic.unit * (d.bound + d.rad))", "d.rad"),
    Mutant("plus diagonal: unit", STACKS, "x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)", "x.rad + y.rad"),
    Mutant("plus diagonal: rad of y", STACKS, "rad = x.rad + y.rad + arith", "rad = x.rad + arith"),
    Mutant("plus diagonal: rad of x", STACKS, "rad = x.rad + y.rad + arith", "rad = y.rad + arith"),
    # passes
    Mutant("bends ignored", OBJECTIVE, "(at := phi.bend(z.mid.hi, z.rad[:, None])).any()", "(at := phi.kink(z.mid.hi, z.rad[:, None])).any()"),
    Mutant("kinks ignored", OBJECTIVE, "(at := phi.bend(z.mid.hi, z.rad[:, None])).any()", "(at := phi.bend(z.mid.hi, z.rad[:, None]) & False).any()"),
    Mutant("elu without its bend", ELU, "bends: ClassVar[tuple[float, ...]] = (0.0,)", "bends: ClassVar[tuple[float, ...]] = ()"),
    Mutant("tilt: radius", OBJECTIVE, "c.rad + n * tilt.rad + arithmetic", "c.rad + arithmetic"),
    Mutant("tilt: rounding", OBJECTIVE, "arithmetic.unit * (c.norm + 3.0 * size)", "0.0"),
    Mutant("tilt: sign", OBJECTIVE, "Pair(np.full((1, 1), -n))", "Pair(np.full((1, 1), n))"),
    Mutant("tilt: without n", OBJECTIVE, "Pair(np.full((1, 1), -n))", "Pair(np.full((1, 1), -1.0))"),
    Mutant("tilt: one radius a row", OBJECTIVE, "radius = fp.row_norms(rad) * rad.any(axis=1)", "radius = rad.min(axis=1)"),
    Mutant("tilt: low part", OBJECTIVE, "(radius + fp.row_norms(pair.lo)) * RAISE", "radius"),
    Mutant("ball: matrices", OBJECTIVE, "radius=(layer.weight.radius + rho) * RAISE", "radius=layer.weight.radius"),
    Mutant("ball: biases", OBJECTIVE, "bias_radius=(layer.bias_radius + rho) * RAISE", "bias_radius=layer.bias_radius"),
    Mutant("φ'': radius of z", OBJECTIVE, "phi.third * (z.rad + low) +", "phi.third * low +"),
    Mutant("φ'': low part of z", OBJECTIVE, "phi.third * (z.rad + low) +", "phi.third * z.rad +"),
    Mutant("φ'': error", OBJECTIVE, "+ found.error.max(axis=1)) * RAISE", ") * RAISE"),
    Mutant("φ'' forgotten", OBJECTIVE, "S = S if bend is None else plus_diagonal(S, bend, arithmetic)", "S = S"),
    Mutant("G: slopes forgotten", OBJECTIVE, "                    G = scaled(G, slopes[h - 1], arithmetic)", "                    G = G"),
    # losses
    Mutant("outer logistic: radius", OUTER, "rad = (1.0 + c.rad) * c.rad + 2.0", "rad = 2.0"),
    Mutant("outer logistic: rounding", OUTER, "2.0 * arithmetic.unit * size * (1.0 + size)", "0.0"),
    Mutant("outer cross-entropy: δ of the diagonal", OUTER, "rad = delta + 2.0 * size", "rad = 2.0 * size"),
    Mutant("outer cross-entropy: δ of ttᵀ", OUTER, "rad = delta + 2.0 * size * delta * bound + size", "rad = delta + size"),
    Mutant("outer cross-entropy: both δ", OUTER, "rad = delta + 2.0 * size * delta * bound + size", "rad = size"),
    Mutant("outer cross-entropy: 1/W", OUTER, "+ size * size * error + 3.0", "+ 3.0"),
    Mutant("outer cross-entropy: roundings", OUTER, "3.0 * unit * square + unit * (size + square)", "0.0"),
    Mutant("outer cross-entropy: rounding of t", OUTER, "(c.rad + arithmetic.unit * (c.norm + size_q))", "(c.rad)"),
    Mutant("outer cross-entropy: W = 1", OUTER, "enclosed_pair(1 / W) if W else", "enclosed_pair(1 + 0 * W) if W else"),
    # Hessian
    Mutant("sheet: rad of P", HESSIAN, "rad = P.rad * a.norm + P.norm * a.rad", "rad = P.norm * a.rad"),
    Mutant("sheet: rad of ã", HESSIAN, "rad = P.rad * a.norm + P.norm * a.rad", "rad = P.rad * a.norm"),
    Mutant("sheet: rad of v", HESSIAN, "rad = rad + v.rad * G.norm + v.norm * G.rad", "rad = rad + v.norm * G.rad"),
    Mutant("sheet: rad of G", HESSIAN, "rad = rad + v.rad * G.norm + v.norm * G.rad", "rad = rad + v.rad * G.norm"),
    Mutant("sheet: roundings", HESSIAN, "(rad + 3.0 * U * size) * RAISE", "rad * RAISE"),
    Mutant("sheet: v ⊗ G forgotten", HESSIAN, "R[:, :, :, :d] += self.v", "R[:, :, :, :d] += 0.0 * self.v"),
    Mutant("Hessian: rad of R", HESSIAN, "a.norm * sheets.rad + a.rad * sheets.norm", "a.rad * sheets.norm"),
    Mutant("Hessian: rad of ã", HESSIAN, "a.norm * sheets.rad + a.rad * sheets.norm", "a.norm * sheets.rad"),
    Mutant("Hessian: product", HESSIAN, "(fp.exact(self.balls[key]) + unit * size) / n", "(fp.exact(self.balls[key]) + 0 * size) / n"),
    Mutant("Hessian: sum over chunks", HESSIAN, "Fraction(fp.dot_unit(self.longest)) + Fraction(fp.dot_unit(self.count)) * Fraction(RAISE)", "Fraction(fp.dot_unit(self.longest))"),
    Mutant("Hessian: floors", HESSIAN, "floor = Fraction(fp.FLOOR) * sum(block.shape)", "floor = 0 * sum(block.shape)"),
    Mutant("Hessian: division and decay", HESSIAN, "summed + 3 * Fraction(U) * spread", "summed"),
    Mutant("Hessian: decay forgotten", HESSIAN, "H[on, on] += decay", "H[on, on] += 0.0"),
    Mutant("Hessian: biases among the weights", HESSIAN, "if (order != on).any():", "if False:"),
    Mutant("Hessian: blocks as one", HESSIAN, "fp.up(nonnegative_norm(fp.require_finite(blocks", "float(np.max(fp.require_finite(blocks"),
    # mixed
    Mutant("mixed: roundings of scale and 1/n", MIXED, "(rad + 3.0 * U * norm) * most", "rad * most"),
    Mutant("mixed: radius not stretched", MIXED, "(rad + 3.0 * U * norm) * most / n", "(rad + 3.0 * U * norm) / n"),
    Mutant("mixed: the tilt moves", MIXED, 'if move.parameter == "sample_weights":', "if False:"),
    Mutant("mixed: scale forgotten", MIXED, "mid *= scale[None, :, None]", "pass"),
    Mutant("mixed: 1/n of the rows that move", MIXED, "part = _divided(found, objective.n, move.scale)", "part = _divided(found, len(rows), move.scale)"),
    Mutant("mixed: sign of targets", MIXED, "np.tile(-np.eye(k)", "np.tile(np.eye(k)"),
    Mutant("gram: balls", MIXED, "sums.add(len(rows), 2.0 * part.rad * part.norm,", "sums.add(len(rows), 0.0 * part.norm,"),
    Mutant("gram: one side", MIXED, "sums.add(len(rows), 2.0 * part.rad * part.norm,", "sums.add(len(rows), 0.5 * part.rad * part.norm,"),
    Mutant("image: balls", MIXED, "sums.add(len(rows), part.rad * size,", "sums.add(len(rows), 0.0 * size,"),
    Mutant("adjoint: balls", MIXED, "((rad + Fraction(fp.dot_unit(p)) * (norm + floors)) * size)", "(Fraction(fp.dot_unit(p)) * (norm + floors) * size)"),
    Mutant("adjoint: product", MIXED, "((rad + Fraction(fp.dot_unit(p)) * (norm + floors)) * size)", "(rad * size)"),
    Mutant("products: rounding", MIXED, "fp.up(self.balls + unit *", "fp.up(self.balls + 0 *"),
    # gradient
    Mutant("tilted gradient: n·error", GRADIENTS, "error = error / n + size *", "error = 0 * error + size *"),
    Mutant("tilted gradient: 1/n", GRADIENTS, "size * (Fraction(off) + unit * Fraction(hi) * Fraction(RAISE))", "0 * size"),
    Mutant("tilted gradient: sums", GRADIENTS, "error += unit * (2 * rate * all_weights + size / n) * Fraction(RAISE)", "error += 0"),
    Mutant("tilted gradient: ball of weights", GRADIENTS, "rank * Fraction(layer.weight.radius) +", "0 * rank +"),
    Mutant("tilted gradient: rank", GRADIENTS, "fp.sqrt_up(Fraction(min(W.hi.shape)))", "Fraction(1, 2)"),
    Mutant("tilted gradient: ball of biases", GRADIENTS, "+ Fraction(layer.bias_radius))", ")"),
)
