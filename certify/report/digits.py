"""Numbers as they are shown: few digits, rounded outward, the full value kept beside them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from certify.format.digits import DIGITS, at_least, at_most

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ENOUGH = 800
"""More significant digits than the decimal expansion of any double has."""


@dataclass(frozen=True)
class Number:
    """A number to be read.

    Attributes:
        text: what is shown, rounded outward or cut (then with an ellipsis).
        exact: the shortest decimal that gives the value back.
        value: the value, for drawing only.
    """

    text: str
    exact: str
    value: float


def lower_end(value: float, digits: int = DIGITS, above: float | None = None) -> Number:
    """Show a lower bound: the shown number is never above the value.

    Args:
        value: the bound.
        digits: significant digits.
        above: a threshold not above the value; digits are added until the shown number stands to it as the value does.

    >>> lower_end(5.13819, 5).text, lower_end(2.00004e-7, 3).text, lower_end(5.138151, 5, above=5.13815).text
    ('5.1381', '2.00 × 10⁻⁷', '5.1381509')
    """
    if above is not None:
        while digits < ENOUGH and not _beyond(at_least(value, digits), above, strict=value > above):
            digits += 1
    return Number(typeset(_full(at_least(value, digits), value, digits)), repr(value), float(value))


def upper_end(value: float, digits: int = DIGITS, below: float | None = None) -> Number:
    """Show an upper bound: the shown number is never below the value.

    Args:
        value: the bound.
        digits: significant digits.
        below: a threshold not below the value; digits are added until the shown number stands to it as the value does.

    >>> upper_end(5.13811, 5).text, upper_end(20.0).text, upper_end(4.9999999, 5, below=4.99999995).text
    ('5.1382', '20', '4.9999999')
    """
    if below is not None:
        while digits < ENOUGH and not _short_of(at_most(value, digits), below, strict=value < below):
            digits += 1
    return Number(typeset(_full(at_most(value, digits), value, digits)), repr(value), float(value))


def cut(value: float, digits: int = DIGITS) -> Number:
    """Show the leading digits of a value of which it is not known on which side the truth lies.

    >>> cut(0.0024812938, 5).text, cut(8.1e-9).text, cut(12345678).text, cut(3.1415926e-13, 3).text
    ('0.0024812…', '8.1 × 10⁻⁹', '12345678', '3.14… × 10⁻¹³')
    """
    if isinstance(value, int) or len(Decimal(repr(value)).normalize().as_tuple().digits) <= digits:
        return Number(typeset(repr(value)), repr(value), float(value))
    mantissa, power, exponent = (at_least if value > 0 else at_most)(value, digits).partition("e")
    return Number(typeset(f"{mantissa}…{power}{exponent}"), repr(value), float(value))


def as_given(value: float) -> Number:
    """Show a number that a person chose, such as a threshold, exactly as it stands.

    >>> as_given(20.0).text, as_given(0.125).text, as_given(1e-07).text
    ('20', '0.125', '1 × 10⁻⁷')
    """
    return Number(typeset(repr(value)), repr(value), float(value))


def count(value: int) -> str:
    """Show a count with its thousands apart.

    >>> count(6209), count(30)
    ('6,209', '30')
    """
    return f"{value:,}"


def typeset(text: str) -> str:
    """Write a decimal literal with a proper minus and power of ten.

    >>> typeset("-1.5e-07"), typeset("1e+16"), typeset("2.0"), typeset("0.000041230")
    ('−1.5 × 10⁻⁷', '1 × 10¹⁶', '2', '4.1230 × 10⁻⁵')
    """
    mantissa, power, exponent = text.partition("e")
    mantissa = mantissa.removesuffix(".0").replace("-", "−")
    if not power and "0.0000" in mantissa:
        sign, digits = mantissa.split("0.")
        leading = digits.lstrip("0")
        if leading.strip("…"):
            point = "." if len(leading) > 1 else ""
            mantissa, power = f"{sign}{leading[0]}{point}{leading[1:]}", "e"
            exponent = str(len(leading) - len(digits) - 1)
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}" if power else mantissa


def _full(text: str, value: float, digits: int) -> str:
    """A rounded literal with all its digits: trailing zeros say how far it was rounded; an exact one needs none."""
    if Decimal(text) == Decimal(value):
        return text
    mantissa, power, exponent = text.partition("e")
    missing = digits - len(mantissa.lstrip("-0.").replace(".", ""))
    if missing > 0:
        mantissa += ("" if "." in mantissa else ".") + "0" * missing
    return mantissa + power + exponent


def _beyond(shown: str, threshold: float, strict: bool) -> bool:
    number, limit = Decimal(shown), Decimal(threshold)
    return number > limit if strict else number >= limit


def _short_of(shown: str, threshold: float, strict: bool) -> bool:
    number, limit = Decimal(shown), Decimal(threshold)
    return number < limit if strict else number <= limit
