"""Containment of every kernel of `certify.rigor`: truth ∈ enclosure, decided exactly. Never closeness.

Each function takes explicit inputs, calls the product, and raises :class:`Violation` with a reproducer where the
truth lies outside; it returns "decided" where the product claimed something and "refused" where it did not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from flint import fmpq

from certify.format.errors import EnclosureError
from certify.rigor import cholesky, enclose_lambda_min, enclose_norm2, enclose_sigma_min, fp, verify_positive_definite
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Arithmetic, Pair, two_product, two_sum
from certify.rigor.matrices import nonnegative_norm
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles

Outcome = Literal["decided", "refused"]
Array = np.ndarray


class Violation(AssertionError):
    """The truth lies outside what the product claims."""


def show(x: Any) -> str:
    """Inputs as text that reproduces them bit by bit."""
    if isinstance(x, np.ndarray):
        return f"array of shape {x.shape}: {[float(v).hex() for v in x.ravel()]}"
    if isinstance(x, Pair):
        return f"pair({show(x.hi)}, {show(x.lo)})"
    return repr(x)


def expect(truth: bool, claim: str, **inputs: Any) -> None:
    """Raise with the inputs unless the claim is true."""
    if not truth:
        given = "; ".join(f"{name} = {show(value)}" for name, value in inputs.items())
        raise Violation(f"{claim} is false for {given}")


def refusing(call: Callable[[], Any]) -> Any:
    """The value of a call, None where the kernel refuses with an EnclosureError."""
    try:
        with np.errstate(all="ignore"):
            return call()
    except EnclosureError:
        return None


# scalars


def rounding(x: Fraction) -> Outcome:
    """`down(x) ≤ x ≤ up(x)`, both the nearest such floats."""
    up, down = refusing(lambda: fp.up(x)), refusing(lambda: fp.down(x))
    if up is not None:
        expect(up == math.inf or Fraction(up) >= x, "x ≤ up(x)", x=x)
        expect(_tight(-up, -x), "up(x) is the least float", x=x)
    if down is not None:
        expect(down == -math.inf or Fraction(down) <= x, "down(x) ≤ x", x=x)
        expect(_tight(down, x), "down(x) is the greatest float", x=x)
    return "refused" if up is None or down is None else "decided"


def _tight(down: float, x: Fraction) -> bool:
    """Whether `down` is the greatest float ≤ x that is 0 or normal."""
    if abs(x) < Fraction(2) ** -1022:
        return down == (-(2.0**-1022) if x < 0 else 0.0)
    return math.nextafter(down, math.inf) > x


def square_roots(x: Fraction) -> Outcome:
    """`sqrt_down(x) ≤ √x ≤ sqrt_up(x)`, within 2^-100 relative."""
    low, high = fp.sqrt_down(x), fp.sqrt_up(x)
    expect(0 <= low and low * low <= x <= high * high, "sqrt_down ≤ √x ≤ sqrt_up", x=x)
    expect(high - low <= high * Fraction(1, 2**100), "the ends of √x are close", x=x)
    return "decided"


def norms_of_rows(A: Array) -> Outcome:
    """`row_norms ≥ |a_i|` and `frobenius ≥ ‖A‖_F`."""
    rows, whole = refusing(lambda: fp.row_norms(A)), refusing(lambda: fp.frobenius(A))
    truth = exact.matrix(A)
    if rows is not None:
        for row, bound in zip(truth, exact.vector(rows), strict=True):
            expect(exact.square(row) <= bound * bound and bound >= exact.rational(fp.FLOOR), "row_norms", A=A)
    if whole is not None:
        expect(exact.size_square(truth) <= exact.rational(whole) ** 2, "frobenius", A=A)
    return "refused" if rows is None or whole is None else "decided"


def norm_of_nonnegative(R: Array, member: Array) -> Outcome:
    """`nonnegative_norm(R) ≥ ‖M‖₂` for M = R and for a member `|M| ≤ R`."""
    bound = refusing(lambda: nonnegative_norm(R))
    if bound is None:
        return "refused"
    limit = exact.rational(bound)
    for M in (R, member):
        expect(exact.norm_at_most(exact.matrix(M), limit), "nonnegative_norm", R=R, member=M)
    return "decided"


def error_free(a: Array, b: Array) -> Outcome:
    """`two_sum` and `two_product` are exact (up to underflow: 2^-1020), with the rounded result first."""
    with np.errstate(all="ignore"):
        s, e = two_sum(a, b)
        p, f = two_product(a, b)
    seen: Outcome = "refused"
    for x, y, s_, e_, p_, f_ in zip(*(v.ravel().tolist() for v in (a, b, s, e, p, f)), strict=True):
        if math.isfinite(s_) and math.isfinite(e_):
            seen = "decided"
            expect(s_ == x + y and Fraction(s_) + Fraction(e_) == Fraction(x) + Fraction(y), "two_sum", a=x, b=y)
        if math.isfinite(p_) and math.isfinite(f_):
            lost = abs(Fraction(p_) + Fraction(f_) - Fraction(x) * Fraction(y))
            expect(p_ == x * y and lost <= Fraction(2) ** -1020, "two_product", a=x, b=y)
            expect(lost == 0 or abs(p_) < 2.0**-960, "two_product is exact above underflow", a=x, b=y)
    return seen


# arithmetics


def _norm_squares(P: Pair, arithmetic: Arithmetic) -> list[fmpq]:
    """Row norms of the product, checked against hi and hi + lo."""
    norms = exact.vector(arithmetic.row_norms(P))
    for truth in (exact.matrix(P.hi), exact.pair(P)):
        for row, bound in zip(truth, norms, strict=True):
            expect(exact.square(row) <= bound * bound, "Arithmetic.row_norms", P=P)
    return norms


def product(A: Pair, B: Pair, arithmetic: Arithmetic) -> Outcome:
    """`|C − ABᵀ|_ij ≤ product_unit(k)·|a_i||b_j|`, and the Pair invariant `|lo| ≤ 2u|hi|`."""
    C = refusing(lambda: arithmetic.product(A, B))
    if C is None:
        return "refused"
    left, right = _norm_squares(A, arithmetic), _norm_squares(B, arithmetic)
    unit = exact.rational(arithmetic.product_unit(A.shape[1]))
    truth = exact.product_transposed(exact.pair(A), exact.pair(B))
    for i, (row, got) in enumerate(zip(truth, exact.pair(C), strict=True)):
        for j, (x, y) in enumerate(zip(row, got, strict=True)):
            expect(abs(x - y) <= unit * left[i] * right[j], f"{arithmetic.name} product [{i}, {j}]", A=A, B=B)
    _invariant(C)
    return "decided"


def _invariant(C: Pair) -> None:
    if C.lo is not None:
        low = np.abs(np.broadcast_to(C.lo, C.hi.shape))
        expect(bool((low <= 2.0**-52 * np.abs(C.hi) + 2.0**-1022).all()), "|lo| ≤ 2u|hi|", C=C)


def elementwise(A: Pair, B: Pair, arithmetic: Arithmetic, name: Literal["add", "multiply"]) -> Outcome:
    """`|fl(a∘b) − a∘b| ≤ unit·(|a| + |b|)` or `unit·|a||b|`, FLOOR² apart."""
    C = refusing(lambda: getattr(arithmetic, name)(A, B))
    if C is None or not np.isfinite(C.hi).all():
        return "refused"
    unit, floor = exact.rational(arithmetic.unit), exact.rational(fp.FLOOR) ** 2
    for a_row, b_row, c_row in zip(exact.pair(A), exact.pair(B), exact.pair(C), strict=True):
        for a, b, c in zip(a_row, b_row, c_row, strict=True):
            truth, size = (a + b, abs(a) + abs(b)) if name == "add" else (a * b, abs(a * b))
            expect(abs(c - truth) <= unit * size + floor, f"{arithmetic.name} {name}", A=A, B=B)
    _invariant(C)
    return "decided"


# activations


def _close(claim: str, got: fmpq, truth: exact.Number, error: float, x: float) -> None:
    expect(exact.at_most(abs(got - truth), exact.rational(error)), claim, x=float(x).hex())


def activation_values(name: str, x: Array, low: Array | None = None) -> Outcome:
    """Values and slopes of `enclose` (low None) or `enclose_extended`, at points off the kinks, within their errors."""
    phi = ACTIVATIONS[name]
    enclosed = refusing(lambda: phi.enclose(x) if low is None else phi.enclose_extended(x, low))
    if enclosed is None:
        return "refused"
    rests = np.zeros_like(x) if low is None else low
    with exact.precision(400):
        for i, (h, rest) in enumerate(zip(x.tolist(), rests.tolist(), strict=True)):
            point = exact.rational(h) + exact.rational(rest)
            truths = network_oracles.activation_at(name, point)
            for order, (truth, part) in enumerate(zip(truths, enclosed, strict=True)):
                if order == 1 and point == 0 and phi.kinks:
                    continue  # both one-sided slopes are tests/unit/rigor/activation's
                parts = (part.mid[i],) if low is None else (part.hi[i], part.lo[i])
                got = sum((exact.rational(p) for p in parts), fmpq(0))
                _close(f"{name}, derivative {order}", got, truth, part.error[i], h)
    return "decided"


# symmetric matrices


def residual(M: Array, L: Array) -> Outcome:
    """`residual_norm ≥ ‖M − LLᵀ‖₂` for any float L."""
    bound = refusing(lambda: cholesky.residual_norm(M, L))
    if bound is None:
        return "refused"
    factor = exact.matrix(L)
    D = exact.subtract(exact.matrix(M), exact.product_transposed(factor, factor))
    expect(exact.symmetric_norm_at_most(D, exact.rational(bound)), "residual_norm", M=M, L=L)
    return "decided"


def members(A: Array, radius: Any, rng: np.random.Generator, symmetric: bool = False) -> list[exact.Rows]:
    """A itself and three members of `|M − A| ≤ radius`, at corners."""
    middle = exact.matrix(A)
    if radius is None:
        return [middle]
    R = exact.matrix(np.broadcast_to(np.asarray(radius, dtype=float), A.shape))
    if symmetric:  # of M symmetric: the smaller radius counts
        R = [[min(R[i][j], R[j][i]) for j in range(len(R))] for i in range(len(R))]
    found = [middle]
    for pattern in range(3):
        S = rng.choice([-1, 1], A.shape) if pattern else -np.ones(A.shape, dtype=int)
        S = np.tril(S) + np.tril(S, -1).T if symmetric else S
        found.append([[a + int(s) * r for a, r, s in zip(x, y, z, strict=True)]
                      for x, y, z in zip(middle, R, S, strict=True)])
    return found


def definite(A: Array, radius: Any, method: str, rng: np.random.Generator) -> Outcome:
    """Certified only if every member is positive definite."""
    proof = refusing(lambda: verify_positive_definite(A, radius, method))
    if not proof:
        return "refused"
    for M in members(A, radius, rng, symmetric=True):
        expect(exact.is_definite(M), f"verify_positive_definite ({method})", A=A, radius=radius)
    return "decided"


def lambda_min(A: Array, radius: Any, method: str, rng: np.random.Generator) -> Outcome:
    """`lower ≤ λ_min(M) ≤ upper` for every member."""
    e = refusing(lambda: enclose_lambda_min(A, radius, method))
    if e is None:
        return "refused"
    ends = exact.rational(e.lower), exact.rational(e.upper)
    for M in members(A, radius, rng, symmetric=True):
        expect(exact.lambda_min_between(M, *ends), f"enclose_lambda_min ({method})", A=A, radius=radius, e=e)
    return "decided"


def sigma_min(A: Array, radius: Any, method: str, rng: np.random.Generator) -> Outcome:
    """`lower ≤ σ_min(M) ≤ upper` for every member."""
    e = refusing(lambda: enclose_sigma_min(A, radius, method))
    if e is None:
        return "refused"
    for M in members(A, radius, rng):
        inside = exact.sigma_min_between(M, exact.rational(e.lower), exact.rational(e.upper))
        expect(inside, f"enclose_sigma_min ({method})", A=A, radius=radius, e=e)
    return "decided" if e.lower > 0 else "refused"


def norm2(A: Array, radius: Any, method: str, rng: np.random.Generator) -> Outcome:
    """`lower ≤ ‖M‖₂ ≤ upper` for every member."""
    e = refusing(lambda: enclose_norm2(A, radius, method))
    if e is None:
        return "refused"
    for M in members(A, radius, rng):
        expect(exact.norm_at_most(M, exact.rational(e.upper)), f"enclose_norm2 upper ({method})", A=A, radius=radius)
        expect(exact.norm_at_least(M, exact.rational(e.lower)), f"enclose_norm2 lower ({method})", A=A, radius=radius)
    return "decided"


def form(G: Array, v: Array) -> Outcome:
    """`quadratic_form` contains vᵀGv, and |v|² exactly."""
    found = refusing(lambda: cholesky.quadratic_form(G, v))
    if found is None:
        return "refused"
    low, high, length = (exact.rational(x) for x in found)
    x = exact.vector(v)
    truth = exact.dot(x, [exact.dot(row, x) for row in exact.matrix(G)])
    expect(low <= truth <= high and length == exact.square(x), "quadratic_form", G=G, v=v)
    return "decided"
