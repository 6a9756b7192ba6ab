"""Numbers for people: a few digits, rounded outward so that what is shown is still proved."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal

DIGITS = 6


def at_most(value: float, digits: int = DIGITS) -> str:
    """The value rounded up to so many significant digits.

    >>> at_most(19.21356012), at_most(20.0), at_most(1.00000001e-9)
    ('19.2136', '20', '1.00001e-9')
    """
    return _shown(value, digits, ROUND_CEILING)


def at_least(value: float, digits: int = DIGITS) -> str:
    """The value rounded down to so many significant digits.

    >>> at_least(19.21356012), at_least(-1.00000001)
    ('19.2135', '-1.00001')
    """
    return _shown(value, digits, ROUND_FLOOR)


def enclosure(lower: float | None, upper: float | None, threshold: float | None = None) -> str:
    """An interval rounded outward, with enough digits to show how wide it is and on which side of a threshold.

    Args:
        lower, upper: the ends; None for an end that is not proved.
        threshold: a number the ends are compared with.

    >>> enclosure(19.213561, 19.213562), enclosure(2.0, None), enclosure(1.0, 4.99999999, 5.0)
    ('[19.21356, 19.21357]', '[2, ∞)', '[1, 5]')
    >>> enclosure(5.00000001, 6.0, 5.0)
    '[5.000000009, 6]'
    """
    digits = DIGITS
    while digits < 17 and _too_coarse(lower, upper, threshold, digits):
        digits += 1
    exact = digits == 17  # then the ends themselves, in the shortest form that reads back as the same float
    low = "(-∞" if lower is None else f"[{lower!r}" if exact else f"[{at_least(lower, digits)}"
    high = "∞)" if upper is None else f"{upper!r}]" if exact else f"{at_most(upper, digits)}]"
    return f"{low}, {high}"


def _too_coarse(lower: float | None, upper: float | None, threshold: float | None, digits: int) -> bool:
    """Whether so few digits hide the width, or put a shown end on the other side of the threshold."""
    low = None if lower is None else Decimal(at_least(lower, digits))
    high = None if upper is None else Decimal(at_most(upper, digits))
    if low is not None and high is not None and lower is not None and upper is not None:
        if upper > lower and high - low > 20 * (Decimal(upper) - Decimal(lower)):
            return True
    if threshold is None:
        return False
    above = low is not None and lower is not None and (lower > threshold) != (low > Decimal(threshold))
    below = high is not None and upper is not None and (upper <= threshold) != (high <= Decimal(threshold))
    return above or below


def _shown(value: float, digits: int, rounding: str) -> str:
    context = Context(prec=digits, rounding=rounding, Emin=MIN_EMIN, Emax=MAX_EMAX)
    number = context.plus(Decimal(value))
    exponent = number.adjusted() if number else 0
    if -5 <= exponent < 12:
        text = format(number, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    wide = Context(prec=max(len(number.as_tuple().digits), 1), Emin=MIN_EMIN, Emax=MAX_EMAX)
    mantissa = format(number.scaleb(-exponent, wide), "f")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{exponent}"


def shortest(value: float, threshold: float | None = None) -> str:
    """A few digits of an estimate, more where a threshold is near.

    >>> shortest(1.10001e-6, 1e-5), shortest(0.99999, 1.0)
    ('1.1e-06', '0.99999')
    """
    for digits in range(3, 17):
        text = f"{value:.{digits}g}"
        if threshold is None or (float(text) > threshold) == (value > threshold) and (
                float(text) < threshold) == (value < threshold):
            return text
    return repr(value)
