"""A closed form of SymPy between two floats, evaluated in balls."""

from __future__ import annotations

import sympy
from flint import arb, ctx, fmpq

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.exact.rational import fraction
from certify.sets.extent import Extent
from certify.sets.smooth.equations import power

BITS = 300

_FUNCTIONS = {sympy.exp: arb.exp, sympy.log: arb.log, sympy.tanh: arb.tanh, sympy.cosh: arb.cosh, sympy.sinh: arb.sinh,
              sympy.erf: arb.erf}  # fmt: skip


def enclose(expression: sympy.Expr) -> Extent:
    """The value of a nonnegative real expression, enclosed.

    Raises:
        InputError: a function that is not known here.

    >>> enclose(sympy.sqrt(2)).lower < 2**0.5 <= enclose(sympy.sqrt(2)).upper
    True
    """
    precision = ctx.prec
    try:
        ctx.prec = BITS
        ball = evaluate(sympy.sympify(expression), {})
        low, high = fraction(ball.lower().fmpq()), fraction(ball.upper().fmpq())
    finally:
        ctx.prec = precision
    return Extent(max(fp.down(low), 0.0), fp.up(high))


def evaluate(e: sympy.Expr, known: dict[sympy.Expr, arb]) -> arb:
    """An expression in balls; `known` gives those of the symbols, and keeps every part that was evaluated.

    Raises:
        InputError: a function that is not known here.
    """
    if e not in known:
        known[e] = _ball(e, known)
    return known[e]


def _ball(e: sympy.Expr, known: dict[sympy.Expr, arb]) -> arb:
    if e.is_Rational:
        return arb(fmpq(int(e.p), int(e.q)))
    if isinstance(e, sympy.CRootOf):
        # the isolating interval of a real root, refined: exact rationals around it
        middle = e.eval_rational(sympy.Rational(1, 2**BITS))
        return arb(fmpq(int(middle.p), int(middle.q)), fmpq(1, 2**BITS))
    if e.is_Add:
        return sum((evaluate(a, known) for a in e.args), arb(0))
    if e.is_Mul:
        product = arb(1)
        for a in e.args:
            product *= evaluate(a, known)
        return product
    if e.is_Pow and e.exp.is_Rational:
        base = evaluate(e.base, known)
        if e.exp.q == 1:
            return power(base, int(e.exp.p))
        if e.exp.q == 2:
            return power(base.sqrt(), int(e.exp.p))
    if e.func in _FUNCTIONS:
        return _FUNCTIONS[e.func](evaluate(e.args[0], known))
    if e is sympy.E:
        return arb(1).exp()
    if e is sympy.pi:
        return arb.pi()
    raise InputError("closed form", f"{e.func}", "use rational numbers, square roots, exp, log, tanh, erf")
