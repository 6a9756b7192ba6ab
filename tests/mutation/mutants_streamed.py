"""Mutants of factors by blocks of columns, R5b, and of the moduli of many rows that they prove, M2k."""

from tests.mutation.mutants import SLACK, UNDERFLOW, Mutant

FACTOR, AT = "rigor/blocked/cholesky.py", "theorems/modulus/streamed/"

STREAMED: tuple[Mutant, ...] = (
    Mutant("block_unit", "rigor/fp.py", "return Fraction(longest + 2 * parts + BLOCK_EXTRA) * Fraction(U)", "return Fraction(0)", ("bordered_identities",)),
    Mutant("block_unit: BLOCK_EXTRA", "rigor/fp.py", "BLOCK_EXTRA = 6", "BLOCK_EXTRA = 0", note=SLACK),
    Mutant("blocks: the residual is not counted", FACTOR, "return (1 + Fraction(1, 2**19)) * D + unit", "return unit", ("factors_that_lie",)),
    Mutant("blocks: 2⁻¹⁹ of the residual", FACTOR, "(1 + Fraction(1, 2**19)) * D", "D", note=SLACK),
    Mutant("blocks: only entries below the diagonal", FACTOR, "squares = float(np.vdot(left, left))", "squares = 0.0", ("factors_that_lie",)),
    Mutant("blocks: FLOOR", FACTOR, "+ unit * total + Fraction(fp.FLOOR)", "+ unit * total", note=UNDERFLOW),
    Mutant("streamed: blocks not subtracted", AT + "columns.py", "view[i, :, i, :] -= taken", "view[i, :, i, :] -= 0 * taken", ("streamed_modulus*40",)),
    Mutant("streamed: what D leaves out", AT + "columns.py", "D[:, np.arange(k), np.arange(k)] += extra[:, None]", "D[:, np.arange(k), np.arange(k)] += 0 * extra[:, None]", note=SLACK),
    Mutant("streamed: the threshold itself for its square", AT + "gate.py", "fp.down(Fraction(kappa) ** 2)", "fp.down(Fraction(kappa) ** 4)", ("streamed_modulus*40",)),
    Mutant("streamed: square root forgotten", AT + "ends.py", "fp.up(fp.sqrt_up(Fraction(tried)))", "fp.up(fp.sqrt_up(fp.sqrt_up(Fraction(tried))))", ("streamed_modulus*40",)),
    Mutant("streamed: last rows' κ alone", AT + "ends.py", "return fp.up(fp.sqrt_up(Fraction(tried)))", "return fp.up(fp.sqrt_up(Fraction(value)))", ("streamed_modulus*40",)),
    Mutant("streamed: any factor will do", AT + "ends.py", "if found is not None and decided(parts, led, D, led.left + found[1]):", "if True:", note="a factor with so much subtracted from its diagonal is nearly always a proof; where not, a unit test of R5b has it"),
    Mutant("streamed: radius of K", AT + "factor.py", "> defect + radius_norm(parts)", "> defect", note="the shift is made for the radius too, and no exact network is as far away; a unit test has a kernel that is"),
    Mutant("streamed: bias counted twice", "network/layers/kernel.py", "                right += 1.0", "                right += 2.0", ("streamed_modulus*40",)),
    Mutant("streamed energy: one layer of weights less", AT + "energy.py", "squares += _square(", "squares = _square(", ("streamed_modulus*40",)),
    Mutant("streamed energy: biases", AT + "energy.py", "return found + Fraction(fp.frobenius(ones[None, :])) ** 2 if bias else found", "return found", ("streamed_modulus*40",)),
    Mutant("streamed energy: radii and sums", AT + "energy.py", "(fp.sqrt_up(squares) + missing) ** 2", "fp.sqrt_up(squares) ** 2", note=SLACK),
    Mutant("blocks: rows below the diagonal block", FACTOR, "squares += float(np.vdot(old, old))", "squares += 0.0 * float(np.vdot(old, old))", ("solves_that_lie",)),
    Mutant("streamed: earlier last rows not subtracted", AT + "factor.py", "subtract_gram(columns.entries, earlier.below(columns.start))", "pass", ("thresholds_that_are_too_low",)),
    Mutant("streamed: residual of the first rows", AT + "ends.py", "led.left + found[1]", "found[1]", ("first_rows_that_lie",)),
    Mutant("streamed: residual of the first rows but the last block", AT + "factor.py", "        left += residual\n        factor.append", "        left = residual\n        factor.append", ("first_rows_that_lie",)),
    Mutant("streamed: residual of the last rows", AT + "ends.py", "led.left + found[1]", "led.left", ("last_rows_that_lie",)),
    Mutant("streamed: rows scaled by norms of layers forgotten", "systems/interpolation/streamed.py", "        adjoints = problem.layer_scale.adjoints(adjoints, back)\n", "", ("streamed_modulus*40",)),
)
