"""Random attacks on the kernels of `certify.rigor`: adversarial numbers and matrices for `tests.containment.rigor`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from tests.containment import rigor
from tests.containment.registry import attack
from tests.containment.rigor import Outcome
from tests.families import adversarial as families
from tests.families.draws import pair

Rng = np.random.Generator


def _fraction(rng: Rng) -> Fraction:
    x = Fraction(int(rng.integers(0, 2**62)), int(rng.integers(1, 2**62)))
    x *= Fraction(2) ** int(rng.integers(-1200, 1000))
    if rng.random() < 0.2:
        x = Fraction(float(np.ldexp(rng.random(), int(rng.integers(-1070, 1000)))))
    if rng.random() < 0.3:
        x += Fraction(2) ** int(rng.integers(-1200, -200))
    return x


@attack("rounding")
def rounding(rng: Rng) -> Outcome:
    return rigor.rounding(_fraction(rng) * int(rng.choice([-1, 0, 1, 1])))


@attack("square_roots")
def square_roots(rng: Rng) -> Outcome:
    return rigor.square_roots(_fraction(rng))


@attack("norms_of_rows", "R3")
def norms_of_rows(rng: Rng) -> Outcome:
    return rigor.norms_of_rows(families.any_matrix(rng, m=int(rng.integers(1, 30))))


@attack("norm_of_nonnegative")
def norm_of_nonnegative(rng: Rng) -> Outcome:
    R = np.abs(families.any_matrix(rng))
    return rigor.norm_of_nonnegative(R, R * rng.choice([-1.0, 1.0, 0.5, 0.0], R.shape))


@attack("error_free", "R6")
def error_free(rng: Rng) -> Outcome:
    return rigor.error_free(families.any_matrix(rng, 3, 5), families.any_matrix(rng, 3, 5))


def _product(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    k = int(rng.choice([1, 2, 3, 8, 9, 17, 33]))
    A, B = pair(rng, int(rng.integers(1, 5)), k, rng.random() < 0.1), pair(rng, int(rng.integers(1, 5)), k)
    if rng.random() < 0.2:  # sparse rows leave no room for averaging
        A.hi[:, rng.random(k) < 0.7] = 0.0
        A = Pair(A.hi)
    if arithmetic.name == "binary64":
        A, B = Pair(A.hi), Pair(B.hi)
    return rigor.product(A, B, arithmetic)


@attack("product_binary64", "R2")
def product_binary64(rng: Rng) -> Outcome:
    return _product(rng, Binary64())


@attack("product_double_double", "R7")
def product_double_double(rng: Rng) -> Outcome:
    return _product(rng, DoubleDouble())


def _elementwise(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    A, B = pair(rng, 3, 4, True), pair(rng, 3, 4, True)
    if arithmetic.name == "binary64":
        A, B = Pair(A.hi), Pair(B.hi)
    if rng.random() < 0.2:  # cancellation
        B = Pair(-A.hi * (1 + 2.0**-52 * rng.integers(-2, 3)), B.lo)
        B = Pair(B.hi, None if A.lo is None else A.lo * 0.7) if arithmetic.name != "binary64" else Pair(B.hi)
    outcomes = {rigor.elementwise(A, B, arithmetic, "add"), rigor.elementwise(A, B, arithmetic, "multiply")}
    return "decided" if "decided" in outcomes else "refused"


@attack("elementwise_binary64")
def elementwise_binary64(rng: Rng) -> Outcome:
    return _elementwise(rng, Binary64())


@attack("elementwise_double_double", "R6")
def elementwise_double_double(rng: Rng) -> Outcome:
    return _elementwise(rng, DoubleDouble())


def _arguments(rng: Rng) -> np.ndarray:
    x = rng.standard_normal(8) * np.array([1.0, 10.0, 1e-3, 1e-9, 40.0, 0.3, 1e5, 1.0])
    x[7] = float(rng.choice([0.0, -0.0, 1e300, -1e300, 5e-324, 2.0**-540, 40.0, 19.06, 20.0, 0.5493061443340549, 2e-8]))
    return x


@attack("activation_float")
def activation_float(rng: Rng) -> Outcome:
    return rigor.activation_values(str(rng.choice(list(ACTIVATIONS))), _arguments(rng))


@attack("activation_arb")
def activation_arb(rng: Rng) -> Outcome:
    x = _arguments(rng)
    low = x * 2.0**-53 * rng.choice([-1.0, 1.0, 0.3, 0.0], 8)
    return rigor.activation_values(str(rng.choice(list(ACTIVATIONS))), x, low)


@attack("residual_norm", "R5")
def residual_norm(rng: Rng) -> Outcome:
    L = families.any_matrix(rng, ordinary=True)
    L = np.tril(L) if rng.random() < 0.5 else L
    n = len(L)
    L = L[:, :n] if L.shape[1] >= n else np.hstack([L, np.zeros((n, n - L.shape[1]))])
    M = L @ L.T if rng.random() < 0.6 else families.any_symmetric(rng, n)
    return rigor.residual(np.tril(M) + np.tril(M, -1).T, L)


def _method(rng: Rng) -> str:
    return str(rng.choice(["residual", "a-priori"]))


@attack("positive_definite", "R4", "R5")
def positive_definite(rng: Rng) -> Outcome:
    A = families.any_symmetric(rng)
    return rigor.definite(A, families.radius_for(rng, A), _method(rng), rng)


@attack("lambda_min", "R4", "R5")
def lambda_min(rng: Rng) -> Outcome:
    A = families.any_symmetric(rng)
    return rigor.lambda_min(A, families.radius_for(rng, A), _method(rng), rng)


@attack("sigma_min", "W1")
def sigma_min(rng: Rng) -> Outcome:
    A = families.any_matrix(rng)
    return rigor.sigma_min(A, families.radius_for(rng, A), _method(rng), rng)


@attack("sigma_min_ill")
def sigma_min_ill(rng: Rng) -> Outcome:
    """Condition numbers up to 1e16, where the witness decides, with no radius or a tiny one."""
    n, m = (int(x) for x in rng.integers(1, 7, 2))
    r = min(n, m)
    U, V = np.linalg.qr(rng.standard_normal((n, r)))[0], np.linalg.qr(rng.standard_normal((m, r)))[0]
    condition = float(rng.uniform(5, 16))
    A = (U * np.logspace(0, -condition, r)) @ V.T * float(families.powers(rng, 1, -60, 60)[0])
    if rng.random() < 0.3:  # rows of very different sizes
        A = A * families.powers(rng, (n, 1), -30, 0)
    radius = None
    if rng.random() < 0.5:
        radius = np.abs(A).max() * 10.0 ** -float(rng.uniform(condition - 2, 20)) * rng.random(A.shape)
    return rigor.sigma_min(A, radius, _method(rng), rng)


@attack("norm2")
def norm2(rng: Rng) -> Outcome:
    A = families.any_matrix(rng)
    return rigor.norm2(A, families.radius_for(rng, A), _method(rng), rng)


@attack("quadratic_form")
def quadratic_form(rng: Rng) -> Outcome:
    G = families.any_symmetric(rng)
    return rigor.form(G, families.any_matrix(rng, 1, len(G), ordinary=True)[0])
