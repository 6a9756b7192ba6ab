"""Mutants of the product: every rounding constant set to zero, and errors of logic, with the inputs that kill them.

A mutant replaces `old`, which must occur in the file exactly `times` times, by `new`. A killer is the name of a
crafted attack in `tests.mutation.killers`, `NAME@K`: case K of a random attack of `tests.containment`, or `NAME*N`: its
first N cases.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One change of the source. Empty `killers`: none was found, and `note` says what hides it."""

    name: str
    file: str
    old: str
    new: str
    killers: tuple[str, ...] = ()
    note: str = ""
    times: int = 1


SLACK = "smaller than the slack beside it: products count 2u too many, RAISE, norms rounded up, Frobenius for spectral"
UNDERFLOW = "the proof (R0) needs it; what underflows is at most 2^-1022 beside terms of 2^-540 or more"

FP, ARITHMETIC = "rigor/fp.py", "rigor/arithmetic.py"
CHOLESKY, MATRICES, SINGULAR, WITNESS = "rigor/cholesky.py", "rigor/matrices.py", "rigor/singular.py", "rigor/witness.py"
BALL, PASSES, KERNEL = "rigor/ball.py", "network/layers/passes.py", "network/layers/kernel.py"
FACTOR, CONGRUENCE = "problem/perturbations/factor.py", "systems/interpolation/congruence.py"
JACOBIAN, DIRECT = "network/layers/jacobian.py", "theorems/modulus/direct.py"
FITS, PROBLEM = "theorems/fits.py", "problem/statement.py"
MODULUS, ROWS, EIGENVALUES, BASE, EQUAL = "theorems/modulus/kernel.py", "systems/interpolation/row_moduli.py", "rigor/eigenvalues.py", "systems/interpolation/base_point.py", "systems/interpolation/equal_rows.py"

CONSTANTS: tuple[Mutant, ...] = (
    Mutant("dot_unit", FP, "return (k + DOT_EXTRA) * U  # exact", "return 0.0  # exact", ("product_binary64@1",)),
    Mutant("DOT_EXTRA", FP, "DOT_EXTRA = 2\n", "DOT_EXTRA = 0\n", note=SLACK),
    Mutant("FLOOR", FP, "FLOOR = 2.0**-400\n", "FLOOR = 0.0\n", ("norms_of_rows@78",)),
    Mutant("KERNEL_FLOOR_E", FP, "KERNEL_FLOOR_E = 2.0**-540\n", "KERNEL_FLOOR_E = 0.0\n", ("flushed_kernel_entry",)),
    Mutant("KERNEL_FLOOR_S", FP, "KERNEL_FLOOR_S = 2.0**-450\n", "KERNEL_FLOOR_S = 0.0\n", ("flushed_kernel_entry",)),
    Mutant("RAISE", FP, "RAISE = 1.0 + 2.0**-40\n", "RAISE = 1.0\n", ("forward@39",)),
    Mutant("CHOLESKY_EXTRA", FP, "CHOLESKY_EXTRA = 8\n", "CHOLESKY_EXTRA = 0\n", note=SLACK),
    Mutant("cholesky_unit", FP, "return gamma / (1 - gamma)", "return 0 * gamma", ("scaled_arrow",)),
    Mutant("PAIR_ADD", FP, "PAIR_ADD = 8.0\n", "PAIR_ADD = 0.0\n", note=SLACK),
    Mutant("PAIR_MULTIPLY", FP, "PAIR_MULTIPLY = 24.0\n", "PAIR_MULTIPLY = 0.0\n", ("pairs_at_their_limit",)),
    Mutant("PAIR_ADD and PAIR_MULTIPLY", ARITHMETIC, "max(fp.PAIR_ADD, fp.PAIR_MULTIPLY) * U * U", "0.0", ("elementwise_double_double@2",)),
    Mutant("SLICE_TRUNCATION", FP, "SLICE_TRUNCATION = 4.0\n", "SLICE_TRUNCATION = 0.0\n", ("slices_cut_off",)),
    Mutant("SLICE_SUM", FP, "SLICE_SUM = 10.0\n", "SLICE_SUM = 0.0\n", ("slices_summed",)),
    Mutant("SCALE_ROOT", FP, "SCALE_ROOT = 2.0**-99\n", "SCALE_ROOT = 0.0\n", note=SLACK),
    Mutant("row_norms (k+8)u", FP, "* (1.0 + (k + 8) * U)", "* 1.0", ("norms_of_rows@1",)),
    Mutant("Binary64.unit", ARITHMETIC, "    unit = U\n", "    unit = 0.0\n", ("elementwise_binary64@0",)),
    Mutant("row_norms of a pair: RAISE", ARITHMETIC, "else norms * fp.RAISE", "else norms", note=SLACK),
    # balls and passes
    Mutant("affine: spectral·rad", BALL, "W.spectral * x.rad + arith", "0.0 * x.rad + arith", ("affine@1",)),
    Mutant("affine: product", BALL, "arithmetic.product_unit(W.value.shape[1]) * W.frobenius", "0.0", ("affine@12",)),
    Mutant("affine: unit·(|Wx| + |b|)", BALL, "rad = rad + arithmetic.unit * size", "rad = rad + 0.0 * size", ("affine@40",)),
    Mutant("Balls.norm: rad", BALL, "(arithmetic.row_norms(mid) + rad) * RAISE", "arithmetic.row_norms(mid) * RAISE", ("affine@0",)),
    Mutant("activation: error of φ", PASSES, "(phi.slope_bound * z.rad + fp.row_norms(value.error))", "(phi.slope_bound * z.rad)", ("forward@2",)),
    Mutant("activation: error of φ'", PASSES, "(phi.curvature * z.rad + slope.error.max(axis=1))", "(phi.curvature * z.rad)", ("forward@2",)),
    Mutant("activation: Lipschitz constant of φ", PASSES, "(phi.slope_bound * z.rad + fp", "(0.0 * z.rad + fp", ("forward@1",)),
    Mutant("activation: curvature", PASSES, "(phi.curvature * z.rad + slope", "(0.0 * z.rad + slope", ("blurred_tanh",)),
    Mutant("activation: every slope bound 1", PASSES, "(phi.slope_bound * z.rad + fp", "(1.0 * z.rad + fp", note="silu and gelu exceed slope 1 by 0.13 at most; errors do not come that close to their bounds"),
    Mutant("times_slope: rad of b", PASSES, "(most * b.rad + b.norm * (r +", "(b.norm * (r +", ("backward@171",)),
    Mutant("times_slope: rad of φ'", PASSES, "b.norm * (r + arith", "b.norm * (arith", ("blurred_tanh",)),
    Mutant("times_slope: unit", PASSES, "(r + arithmetic.unit * (most + r))", "r", ("slope_times_exact_ball",)),
    # kernel
    Mutant("kernel: ½c of B", KERNEL, "0.5 * arithmetic.product_unit(b.mid", "0.0 * arithmetic.product_unit(b.mid", ("wide_hidden_kernel",)),
    Mutant("kernel: ½c of A", KERNEL, "0.5 * arithmetic.product_unit(a.mid", "0.0 * arithmetic.product_unit(a.mid", ("wide_linear_kernel",)),
    Mutant("kernel: rad of B", KERNEL, "p = (b.rad + ", "p = (", ("tangent_kernel@90",)),
    Mutant("kernel: rad of A", KERNEL, "q = (a.rad + ", "q = (", ("blurred_tanh",)),
    Mutant("kernel: unit of the bias", KERNEL, "q = (q + arithmetic.unit * alpha) * RAISE", "q = q * RAISE", note=SLACK),
    Mutant("kernel: p·alpha", KERNEL, "(p * alpha + 1.01", "(1.01", ("tangent_kernel@70",)),
    Mutant("kernel: 1.01·beta·q", KERNEL, "1.01 * beta * q", "0.0", ("blurred_tanh",)),
    Mutant("kernel: 1.01 to 1", KERNEL, "1.01 * beta * q", "beta * q", note=SLACK),
    Mutant("kernel: 0.6·unit·s", KERNEL, "0.6 * arithmetic.unit * s", "0.0", note=SLACK),
    Mutant("kernel: sum of layers", KERNEL, "arithmetic.unit * len(layers) * s", "0.0", note=SLACK),
    # perturbation factor
    Mutant("factor: gap", FACTOR, "eta = gap * RAISE + ", "eta = ", ("qr_that_lies",)),
    Mutant("factor: (d+4)u|G|²", FACTOR, "(d + 4) * U * size_g**2 + ", "", ("qr_that_agrees_with_rounding",)),
    Mutant("factor: (q+4)u|C|²", FACTOR, "(C.shape[2] + 4) * U * size_c**2 + ", "", ("qr_that_is_wide",)),
    Mutant("factor: 2r|G|", FACTOR, "2.0 * r * size_g + r**2", "r**2", ("feature_factor@1",)),
    Mutant("factor: r²", FACTOR, "2.0 * r * size_g + r**2", "2.0 * r * size_g", ("feature_factor@1",)),
    Mutant("factor: low part", FACTOR, "gradients.rad + 4.0 * U * gradients.norm", "gradients.rad", note=SLACK),
    # Cholesky, norms, forms
    Mutant("residual_norm: product", CHOLESKY, " + Fraction(fp.dot_unit(L.shape[0])) * size * size", " + 0 * size", ("residual_norm@0",)),
    Mutant("residual_norm: 2u", CHOLESKY, "computed * (1 + 2 * Fraction(U))", "computed", note=SLACK),
    Mutant("lower_shift: nextafter", CHOLESKY, "np.nextafter(M[i, i] - s, -math.inf)", "M[i, i] - s", note=SLACK),
    Mutant("a-priori: FLOOR", CHOLESKY, "* trace + Fraction(fp.FLOOR)", "* trace", note=UNDERFLOW),
    Mutant("verify: FLOOR·N", CHOLESKY, "defect = Fraction(fp.FLOOR) * len(M)", "defect = Fraction(0)", note=UNDERFLOW),
    Mutant("quadratic_form: error", CHOLESKY, "return centre - spread, centre + spread,", "return centre, centre,", ("lambda_min@5",)),
    Mutant("lambda_min: FLOOR·N", CHOLESKY, "    floor = Fraction(fp.FLOOR) * len(M)", "    floor = Fraction(0)", note=UNDERFLOW),
    Mutant("nonnegative_norm: (k+8)u", MATRICES, "factor = 1 + Fraction(k + 8) * Fraction(fp.U)", "factor = 1", ("norm_of_nonnegative@31",)),
    Mutant("nonnegative_norm: FLOOR", MATRICES, "floor = Fraction(fp.FLOOR)", "floor = 0", note=UNDERFLOW),
    # singular values
    Mutant("gram: (m+2)u + 2u", SINGULAR, "(Fraction(fp.dot_unit(A.shape[1])) + 2 * Fraction(fp.U)) * size", "0 * size", ("gram_of_long_rows",)),
    Mutant("gram: (m+2)u", SINGULAR, "(Fraction(fp.dot_unit(A.shape[1])) + 2", "(2", ("gram_of_long_rows",)),
    Mutant("gram: 2u", SINGULAR, "(Fraction(fp.dot_unit(A.shape[1])) + 2 * Fraction(fp.U))", "Fraction(fp.dot_unit(A.shape[1]))", note=SLACK),
    Mutant("image_norm: error", SINGULAR, "error = Fraction(arithmetic.product_unit(len(z)))", "error = 0", ("norm2*120",)),
    Mutant("sigma_min lower: FLOOR", SINGULAR, "fp.sqrt_down(square) - Fraction(fp.FLOOR) * len(B)", "fp.sqrt_down(square)", note=UNDERFLOW),
    Mutant("sigma_min upper: FLOOR", SINGULAR, "(upper + Fraction(fp.FLOOR) * len(B)) * scale", "upper * scale", note=UNDERFLOW),
    Mutant("norm2 upper: FLOOR", SINGULAR, "+ error) + Fraction(fp.FLOOR) * n", "+ error)", note=UNDERFLOW),
    Mutant("norm2 lower: FLOOR", SINGULAR, "(lower - Fraction(fp.FLOOR) * n) * scale", "lower * scale", note=UNDERFLOW),
    Mutant("sharpened: margin", SINGULAR, "margin = Fraction(fp.FLOOR) * len(B)", "margin = Fraction(0)", note=UNDERFLOW),
    Mutant("witness: product", WITNESS, "Fraction(arithmetic.product_unit(X.shape[1])) * size_x", "0 * size_x", ("witness@8",)),
    Mutant("witness: ‖ΔA‖", WITNESS, "delta += radius * size_x", "delta += 0", ("witness@0",)),
    Mutant("witness: low part", WITNESS, "delta += Fraction(fp.frobenius(Q.lo))", "delta += 0", note=SLACK),
    Mutant("witness: (m+2)u‖Q‖²", WITNESS, "error = Fraction(fp.dot_unit(Q.hi.shape[1])) * size_q**2", "error = Fraction(0)", ("witness_that_hides",)),
    Mutant("witness: 2u‖E‖", WITNESS, "error += 2 * unit * Fraction(fp.frobenius(E)) + unit", "error += unit", note=SLACK),
    Mutant("witness: u(1 + ‖F‖)", WITNESS, " + unit * (1 + norm_f)", "", note=SLACK),
    Mutant("witness: 2δ‖Q‖", WITNESS, "2 * delta * fp.sqrt_up(1 + norm_f + error) + ", "", ("witness@0",)),
    Mutant("witness: δ²", WITNESS, " + delta**2", "", ("witness@1",)),
    # congruence
    Mutant("congruence: first product", CONGRUENCE, "c * size_x * size_x * size_k + ", "", ("ill_conditioned_congruence",)),
    Mutant("congruence: second product", CONGRUENCE, " + Fraction(arithmetic.symmetric_unit(N)) * size_t * size_x", "", note=SLACK),
    Mutant("congruence: both products", CONGRUENCE, "c = Fraction(arithmetic.product_unit(N))", "c = Fraction(0)", ("congruence@0",)),
    Mutant("congruence: kernel radius", CONGRUENCE, "2 * applied(X, K.e) * applied(X, K.s)", "0", ("congruence@1",)),
    Mutant("congruence: low part", CONGRUENCE, "error += Fraction(fp.frobenius(E.lo))", "error += 0", note=SLACK),
    Mutant("congruence: 2u‖E‖", CONGRUENCE, "error += 2 * Fraction(fp.U) * Fraction(fp.frobenius(E.hi))", "error += 0", note=SLACK),
    Mutant("congruence: u(1 + ‖F‖)", CONGRUENCE, "error += Fraction(fp.U) * (1 + nonnegative_norm(np.abs(F)))", "error += 0", note=SLACK),
    Mutant("applied: 1 + 2(N+2)u", CONGRUENCE, " * (1.0 + 2 * fp.dot_unit(len(v)))", "", note=SLACK),
    # modulus
    Mutant("modulus: rounding of YYᵀ", MODULUS, "rounding = Fraction(fp.dot_unit(applied.Y.shape[1]) + 2 * fp.U) *", "rounding = 0 *", ("eigenvector_that_lies",)),
    Mutant("modulus: slack of Y", MODULUS, "2 * applied.slack * applied.size + applied.slack**2 + ", "", ("factor_that_cancels",)),
    Mutant("modulus: slack of Y squared", MODULUS, "applied.slack**2 + ", "", note=SLACK),
    Mutant("modulus: loose", MODULUS, " + applied.slack**2 + applied.loose", " + applied.slack**2", ("moduli@5",)),
    Mutant("modulus: X.error", MODULUS, "Fraction(kappa2) * (X.error + Fraction(fp.U))", "Fraction(kappa2) * Fraction(fp.U)", ("moduli@1",)),
    Mutant("modulus: U beside X.error", MODULUS, "(X.error + Fraction(fp.U))", "X.error", note=SLACK),
    Mutant("modulus: 3u", MODULUS, "defect += 3 * Fraction(fp.U)", "defect += 0", note=SLACK),
    Mutant("modulus: X.error, U and 3u of M", MODULUS, "defect = Fraction(kappa2) * (X.error + Fraction(fp.U)) + defect_s\n"
           "        defect += 3 * Fraction(fp.U)", "defect = defect_s\n        defect += 0", ("moduli@1",)),
    Mutant("rayleigh: product", MODULUS, "error = c * _dot_up(size, arithmetic.row_norms(K.mid)) + 2", "error = 2", ("direct_modulus@84",)),
    Mutant("rayleigh: kernel radius", MODULUS, " + 2 * _dot_up(size, K.e) * _dot_up(size, K.s)", "", ("moduli@1",)),
    Mutant("rayleigh: eta", MODULUS, "** 2 - missing", "** 2", ("moduli@6",)),
    Mutant("rayleigh: rounding of Cᵀz", MODULUS, "max(fp.sqrt_down(fp.inner(y, y)) - error, Fraction(0))", "fp.sqrt_down(fp.inner(y, y))", note=SLACK),
    Mutant("dot_up: 1 + 2(N+2)u", MODULUS, "* (1 + 2 * Fraction(fp.dot_unit(len(a)))) + floor", "+ floor", note=SLACK),
    Mutant("dot_up: FLOOR²", MODULUS, "(1 + 2 * Fraction(fp.dot_unit(len(a)))) + floor", "(1 + 2 * Fraction(fp.dot_unit(len(a))))", note=UNDERFLOW),
    Mutant("rayleigh: product with J", MODULUS, "error = error * Fraction(float(fp.row_norms(z[None, :])[0])) + _dot", "error = _dot", note=SLACK),
    Mutant("rayleigh: radius of J", MODULUS, "[0])) + _dot_up(np.abs(z), J.rad)", "[0]))", ("jacobian_moduli@0",)),
    Mutant("rayleigh: low part with J", MODULUS, "error += Fraction(fp.frobenius(T.lo))", "error += 0", note=SLACK),
    # Jacobian
    Mutant("Jacobian: rad of B", JACOBIAN, "rad + b.rad * alpha + b.norm", "rad + b.norm", ("jacobian@147",)),
    Mutant("Jacobian: rad of A", JACOBIAN, " + b.norm * r + arith", " + arith", ("jacobian@30",)),
    Mutant("Jacobian: unit", JACOBIAN, " + arithmetic.unit * b.norm * alpha", "", ("jacobian_of_exact_balls",)),
    Mutant("Jacobian: rad of the bias", JACOBIAN, "rad = (rad + b.rad) * RAISE", "rad = rad * RAISE", ("tiny_input_with_bias",)),
    # direct tier
    Mutant("direct: radius of K", DIRECT, "defect = 2 * kappa * e * s + ", "defect = ", ("direct_modulus@51",)),
    Mutant("direct: eta", DIRECT, "2 * kappa * e * s + Fraction(float(Q.eta.max(initial=0.0)))", "2 * kappa * e * s", ("direct_modulus@73",)),
    Mutant("direct: 3u·2|s|²", DIRECT, "defect += 3 * Fraction(fp.U)", "defect += 0", note=SLACK),
    Mutant("direct: (q+6)u|C|²", DIRECT, "* Fraction(fp.dot_unit(q) + 4 * fp.U) *", "* 0 *", ("threshold_below_the_truth",)),
    Mutant("direct: a-priori", DIRECT, "Fraction(shift) - fp.cholesky_unit(N) * trace - ", "Fraction(shift) - ", note=SLACK),
    Mutant("direct: FLOOR", DIRECT, " - Fraction(fp.FLOOR) > defect", " > defect", note=UNDERFLOW),
    # row moduli
    Mutant("rows: slack", ROWS, "(2 * y * slack + slack**2) / (1 - epsilon) + ", "", ("factor_that_cancels",)),
    Mutant("rows: slack²", ROWS, "(2 * y * slack + slack**2)", "(2 * y * slack)", note=SLACK),
    Mutant("rows: error·y²", ROWS, "error * y**2 + w_error", "w_error", ("moduli@1",)),
    Mutant("rows: w_error·y", ROWS, " + w_error * y + ", " + ", note=SLACK),
    Mutant("rows: (unit + 4u)·2y·both", ROWS, " + (unit + 4 * U) * 2 * y * both", "", note=SLACK),
    Mutant("rows: second", ROWS, "(plain + second + loose)", "(plain + loose)", ("moduli*150",)),
    Mutant("rows: w_error in second", ROWS, "(w + w_error + error * y) ** 2", "(w + error * y) ** 2", note=SLACK),
    Mutant("rows: error·y in second", ROWS, "(w + w_error + error * y) ** 2", "(w + w_error) ** 2", ("moduli*150",)),
    Mutant("rows: 1 − ε of second", ROWS, "error * y) ** 2 / (1 - epsilon)", "error * y) ** 2", ("moduli*150",)),
    Mutant("rows: loose below", ROWS, "- (plain + loose) * RAISE", "- plain * RAISE", ("moduli*150",)),
    Mutant("rows: loose above", ROWS, "(plain + second + loose)", "(plain + second)", ("moduli*150",)),
    Mutant("rows: 1 − ε of loose", ROWS, "size_x**2 / (1 - epsilon)", "size_x**2", ("moduli*150",)),
    Mutant("rows: last 2^-40 below", ROWS, "np.sqrt(np.maximum(down - np.abs(down) * 2.0**-40, 0.0)) * (1 - 2.0**-40)", "np.sqrt(np.maximum(down, 0.0))", note=SLACK),
    Mutant("eigenvalues: b_error", EIGENVALUES, "b_error = 3 * unit * size", "b_error = 0 * size", note=SLACK),
    Mutant("eigenvalues: omega", EIGENVALUES, "if not (omega < 0.5).all()", "omega = 0 * omega\n    if not (omega < 0.5).all()", ("eigenvectors_that_lie",)),
    Mutant("eigenvalues: 4quMv²", EIGENVALUES, " + 4 * q * U * size * v**2", "", note=SLACK),
    # base point
    Mutant("base point: rad", BASE, " + output.rad + ", " + ", ("shifts_of_the_targets",)),
    Mutant("base point: u·size", BASE, "output.rad + fp.U * size", "output.rad", note=SLACK),
)

LOGIC: tuple[Mutant, ...] = (
    Mutant("up: nearest", FP, "return f if Fraction(f) >= x else math.nextafter(f, math.inf)", "return f", ("rounding@2",)),
    Mutant("down: up", FP, "return -up(-Fraction(x)) + 0.0", "return up(Fraction(x)) + 0.0", ("rounding@2",)),
    Mutant("sqrt_up: isqrt without + 1", FP, "math.isqrt(q) + 1)", "math.isqrt(q))", ("square_roots@0",)),
    Mutant("row_norms: largest entry", FP, 'np.einsum("...k,...k->...", A, A)', "np.max(A * A, axis=-1)", ("norms_of_rows@1",)),
    Mutant("row_norms: largest entry of large ones", FP, "np.sum(B * B, axis=-1)", "np.max(B * B, axis=-1)", ("norms_of_rows@0",)),
    Mutant("nonnegative_norm: one side only", MATRICES, "fp.sqrt_up(ones[0] * ones[1])", "ones[0]", ("maximum_norm_is_no_norm",)),
    Mutant("radius: one triangle of it", CHOLESKY, "R = np.minimum(R, R.T)  # M", "R = np.tril(R)  # M", ("radius_at_its_corner",)),
    Mutant("radius: ignored by lambda_min", CHOLESKY, "spread = scaled_spread(None if r is None else np.minimum(r, r.T), e)", "spread = Fraction(0)", ("lambda_min@2",)),
    Mutant("radius: ignored by verify", CHOLESKY, "defect += nonnegative_norm(R)", "defect += 0", ("positive_definite@5",)),
    Mutant("radius: ignored by singular values", SINGULAR, "spread = scaled_spread(r, e)", "spread = Fraction(0)", ("sigma_min@4",)),
    Mutant("verify_definite: proved > 0", CHOLESKY, "proved is not None and proved > defect", "proved is not None and proved > 0", note="`lower_shift` is asked for more than the defect, and what it proves exceeds it"),
    Mutant("lower_shift: defect forgotten", CHOLESKY, "fp.exact(s) - defect", "fp.exact(s)", note="the shift keeps twice the defect in reserve"),
    Mutant("sigma_min: upper end of the largest vector", SINGULAR, "_image_norm(B, vector)\n    lower, upper = _sharp", "_image_norm(B, vector)\n    upper = lower\n    lower, upper = _sharp", ("sigma_min@0",)),
    Mutant("double-double product: low part of B ignored", ARITHMETIC, "e + (A.hi * _low(B) + _low(A) * B.hi)", "e + _low(A) * B.hi", ("elementwise_double_double@2",)),
    Mutant("affine: bias not added", BALL, "y = arithmetic.add(y, row)", "y = arithmetic.add(y, Pair(0 * row.hi))", ("affine@2",)),
    Mutant("relu: margin without radius", PASSES, "(phi.kink_distance(z.mid.hi) - z.rad[:, None]).min()", "(phi.kink_distance(z.mid.hi)).min()", ("blurred_tanh",)),
    Mutant("backward: slopes of the layer after", PASSES, "passed.slopes[h - 1], k", "passed.slopes[-1], k", note="no bound comes out: shapes do not fit"),
    Mutant("kernel: bias forgotten", KERNEL, "            if bias:\n                right = ", "            if False:\n                right = ", ("tangent_kernel@1",)),
    Mutant("kernel: outputs repeated in the wrong order", KERNEL, "left.reshape(m, k, q, k), right", "Pair(left.hi.reshape(k, m, k, q).transpose(1, 0, 3, 2)), right", ("tangent_kernel@7",)),
    Mutant("kernel: input of the layer after", KERNEL, "passed.inputs[h - 1], biases", "passed.inputs[h - 2], biases", ("tangent_kernel@0",)),
    Mutant("kernel: radius of one layer only", KERNEL, "np.sum([e for e, _ in sizes], axis=0)", "np.max([e for e, _ in sizes], axis=0)", note="the largest layer's radius is several times the true error of all"),
    Mutant("kernel: size of one layer only", KERNEL, "_root_of_squares(np.array([s for _, s in sizes]))", "np.max([s for _, s in sizes], axis=0)", ("tangent_kernel@1",)),
    Mutant("kernel: tile not mirrored", KERNEL, "whole[columns, rows] = half.T", "whole[columns, rows] = 0 * half.T", ("tangent_kernel@1",)),
    Mutant("kernel: tile of other samples", KERNEL, "slice(j, j + step), arithmetic", "slice(i, i + step), arithmetic", ("tangent_kernel@0",)),
    Mutant("kernel: bias forgotten in the size", KERNEL, "    if bias:\n        alpha", "    if False:\n        alpha", ("tangent_kernel@1",)),
    Mutant("rounded: low part", BALL, "(balls.rad + dropped) * RAISE, ", "balls.rad, ", note=SLACK),
    Mutant("factor: still rows keep their Q", FACTOR, "BlockFactor(C * moves[:, None, None], fp", "BlockFactor(C, fp", ("feature_factor@3",)),
    Mutant("targets: still rows keep their Q", FACTOR, "np.eye(k)[None] * moves[:, None, None]", "np.eye(k)[None] * np.ones((n, 1, 1))", ("small_problems",)),
    Mutant("congruence: ε not compared", CONGRUENCE, "if epsilon >= Fraction(1, 2):", "if epsilon >= 10**9:", ("congruence@30",)),
    Mutant("congruence: ε without the error", CONGRUENCE, "epsilon = nonnegative_norm(np.abs(F)) + error", "epsilon = nonnegative_norm(np.abs(F))", ("congruence*3",)),
    Mutant("sigma: 1 + ε", CONGRUENCE, "fp.sqrt_down(1 - epsilon)", "fp.sqrt_down(1 + epsilon)", ("congruence@0",)),
    Mutant("modulus: square root forgotten", MODULUS, "return fp.up(fp.sqrt_up(Fraction(kappa2)))", "return fp.up(Fraction(kappa2))", ("moduli@1",)),
    Mutant("modulus: θ itself, no Cholesky", MODULUS, "np.isfinite(M).all() and verify_definite(M, defect)", "np.isfinite(M).all()", ("moduli@0",)),
    Mutant("rayleigh: upper end of the quotient", MODULUS, "return fp.down(fp.sqrt_down(top / bottom))", "return fp.up(fp.sqrt_up(top / bottom))", note="numerator and denominator are bounded outward by more than the last rounding"),
    Mutant("rayleigh: columns counted twice", MODULUS, "- error, Fraction(0)) ** 2", "- error, Fraction(0)) ** 2 * 2", ("moduli@1",)),
    Mutant("rows: sign of FY", ROWS, "np.transpose(Y - W, (1, 2, 0))", "np.transpose(Y + W, (1, 2, 0))", ("sample_modulus@1",)),
    Mutant("rows: all rows as the first", ROWS, "[:, samples, :]", "[:, 0 * samples, :]", ("moduli@2",)),
    Mutant("eigenvalues: Gershgorin without off-diagonals", EIGENVALUES, "(diagonal + np.abs(off) * RAISE).max(axis=1)", "diagonal.max(axis=1)", ("eigenvectors_that_lie",)),
    Mutant("rows: trace instead of λ_max", EIGENVALUES, "base = np.maximum(diagonal.max(axis=1)", "base = np.maximum(diagonal.sum(axis=1)", ("moduli@1",)),
    Mutant("bound: kinks ignored", FITS, "if lin.passed.kinks[0]:", "if False:", ("relu_kinks",)),
    Mutant("bound: rows not mapped", "theorems/modulus/rows.py", "samples = np.searchsorted(np.array(problem.kept), np.array(rows))", "samples = np.arange(len(rows))", ("sample_modulus@76",)),
    Mutant("problem: merging drops the first", PROBLEM, "for i in group[1:]}", "for i in group[:1]}", note="no bound comes out: the problem is refused"),
    Mutant("equal rows: gradient not proved nonzero", EQUAL, "> gradient.rad", "> -1.0 - gradient.rad", ("refuting_pair@48",)),
    Mutant("equal rows: movable not asked", EQUAL, "movable.intersection(group)", "set(group)", ("refuting_pair@9",)),
    Mutant("equal rows: kinks ignored", EQUAL, "if passed.kinks[0]:", "if False:", note="two equal rows go through BLAS as a batch, which gets the sign of the crafted sums right"),
    Mutant("base point: least row", BASE, "worst = int(np.argmax(gap))", "worst = int(np.argmin(gap))", ("base_point@0",)),
    Mutant("direct: blocks not subtracted", DIRECT, "view[i, :, i, :] -= blocks", "view[i, :, i, :] -= 0 * blocks", ("direct_modulus@1",)),
    Mutant("direct: Cholesky not looked at", DIRECT, "if not factor_in_place(M):", "if factor_in_place(M) and False:", ("direct_modulus@0",)),
)
