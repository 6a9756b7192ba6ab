"""Slopes and curvatures of the logistic loss `l(t) = ln(1 + e^−t)`, and what a margin that moves changes of them."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.balls import ONE
from certify.format.refusal import Invalid

SHORT = arb(2) ** -20
"""A move below which `e^x − 1 − x` is not taken from the exponential."""

ROUNDED, NEAR = 2.0**-47, 2.0**-51
"""By what part doubles of slopes and curvatures may be off, and that of the exponential that they are made of."""


def slopes(t: arb) -> tuple[arb, arb]:
    """`p = −l'(t) = 1/(1 + e^t)` and `l''(t) = p(1 − p)`, for all margins in a ball; both relatively sharp.

    >>> p, bent = slopes(arb(50))
    >>> bool(abs(p / bent - 1) < 1e-14), [bool(x.contains(arb(0.5) ** k)) for k, x in enumerate(slopes(arb(0)), 1)]
    (True, [True, True])
    """
    turned = t < 0
    e = (t if turned else -t).exp()
    small = e / (1 + e)
    return (1 - small if turned else small), small / (1 + e)


def in_doubles(t: arb) -> tuple[float, float]:
    """The same of a margin that is known, as doubles: each times 1 ± `ROUNDED` is between what it stands for.

    With `f = (1 + η)e^−|t|`, `|η| ≤ 2^−50`: `f/(1 + f)` in doubles is off by less than `2^−49` of itself, and over
    `1 + f` again by less than `2^−48`; `1 − f/(1 + f)` is at least ½ (proofs/heads-lengths.md).

    Raises:
        Invalid: the margin is not known so well.

    >>> p, bent = in_doubles(arb(50))
    >>> bool(abs(p / bent - 1) < 1e-14), in_doubles(arb(0))
    (True, (0.5, 0.25))
    """
    turned = t < 0
    e = (t if turned else -t).exp()
    f = float(e)
    if not abs(e - f) < f * NEAR:
        raise Invalid("witness file", "it has a centre", "a margin there is not known")
    small = f / (1.0 + f)
    return (1.0 - small if turned else small), small / (1.0 + f)


def kept(x: arb) -> arb:
    """A lower bound of `ω(x) = (1 − e^−x)/x`: what secants keep of `l''` where margins move by at most x ≥ 0."""
    return (-(-x).expm1() / x).min(ONE).lower() if x > 0 else (1 - x.upper() / 2).lower()


def grown(x: arb) -> arb:
    """An upper bound of `e^x − 1`: by what part `l''` may grow on the way."""
    return x.expm1().upper()


def bend_over(x: arb) -> arb:
    """An upper bound of `β(x) = (e^x − 1 − x)/x²`, which rises: `½ + (x/6)(1 + x/4 + …)`, the last factor below `e^x`.

    >>> bool(abs(bend_over(arb(1)) - (arb(1).exp() - 2)) < 1e-14), bool(bend_over(arb(0)) == 0.5)
    (True, True)
    """
    if x > SHORT:
        return ((x.expm1() - x) / x**2).upper()
    top = x.upper()
    return (arb(0.5) + top / 6 * top.exp()).upper()
