"""Mutants of the checker's listed sets that are settled together (D7, Lemma 4), with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

LISTED_AT, SIGMOIDS = (f"check/theorems/head/rows/energy/{name}.py" for name in ("listed", "sigmoids"))
SEEN = "tests/unit/check/theorems/head/rows/test_energy_settled.py kills it"
BELOW = "what is cut off of inputs and weights, with its hundredth part, is more"
SLACK_OF = "a slope's ROUNDED has a quarter to spare, and the number above it is told with it"
LAST = "the last cell begins at 32"

LISTED: tuple[Mutant, ...] = (
    Mutant("listed: inputs known exactly", LISTED_AT, "off = max(off, *(float(x.rad()) * s for x, s in zip(line, back, strict=True)))", "pass", ("listed: slopes, balls",)),
    Mutant("listed: half of what is cut off of inputs", LISTED_AT, "off = (off + 1.01 * 2.0**-bits) * UP", "off = (off + 0.25 * 2.0**-bits) * UP", ("listed: slopes, wide",)),
    Mutant("listed: nothing is cut off of weights", LISTED_AT, " + longest * 1.01 * 2.0**-bits", "", ("listed: slopes, weights",)),
    Mutant("listed: the widest column alone", LISTED_AT, "off * sum(wide)", "off * max(wide)", ("listed: slopes, balls",)),
    Mutant("listed: outputs from the middle are exact", LISTED_AT, "(blur + float(z.rad()) + 2.0**-50", "(blur + 2.0**-50", ("listed: slopes, middle",)),
    Mutant("listed: the middle's floats are exact", LISTED_AT, "+ 2.0**-50 * abs(mid) + unit", "+ unit", note="2^-26 stands beside 2^-48 of an output that is less than 32"),
    Mutant("listed: products are exact", LISTED_AT, "abs(mid) + unit + 2.0**-PLACES", "abs(mid) + 2.0**-PLACES", note=BELOW),
    Mutant("listed: an output's floor is exact", LISTED_AT, "abs(mid) + unit + 2.0**-PLACES", "abs(mid) + unit", ("listed: slopes, narrow",)),
    Mutant("listed: outputs may lie anywhere", LISTED_AT, "* (2 - UP) - error)", "* (2 - UP) + error)", ("listed: slopes, wide", "listed: slopes, middle")),
    Mutant("listed: outputs lie no farther than they are told", LISTED_AT, "max(high, -low) * UP + error", "max(high, -low) * UP", ("listed: slopes, balls",)),
    Mutant("listed: no last cell below", LISTED_AT, "if max(high, -low) >= LARGEST:", "if high >= LARGEST:", note=SEEN + ": a list has an end, and another beginning"),
    Mutant("listed: the last cell by one", LISTED_AT, "if max(high, -low) >= LARGEST:", "if max(high, -low) > LARGEST:", note=LAST),
    Mutant("listed: steepness without the cell", LISTED_AT, "steepness(found.least[-1] - 2.0**-CELLS)", "steepness(found.least[-1])", note=SLACK_OF),
    Mutant("listed: slopes of exact outputs", LISTED_AT, "(bend * error + min(bend", "(min(bend", ("listed: slopes, balls",)),
    Mutant("listed: slopes without rounding", LISTED_AT, "min(bend, STEEP) * WIDE + ROUNDED) * UP)", "min(bend, STEEP) * WIDE) * UP)", ("listed: slopes, flat",)),
    Mutant("listed: gradients of exact slopes", LISTED_AT, "lost = sum(map(mul, at.off, narrow.sizes)) +", "lost =", ("listed: gradients, slopes",)),
    Mutant("listed: gradients of exact inputs", LISTED_AT, "(2 * n * float(off.upper()) + float(lines.mu.rad()) * reach)\n    lost", "(float(lines.mu.rad()) * reach)\n    lost", ("listed: gradients, inputs",)),
    Mutant("listed: gradients of an exact decay", LISTED_AT, " + float(lines.mu.rad()) * reach)", ")", ("listed: gradients, decay",)),
    Mutant("listed: gradients without rounding", LISTED_AT, "    lost += 2.0**-48", "    lost += 0.0", ("listed: gradients, floats",)),
    Mutant("listed: a label stays as it is", LISTED_AT, "-= change << BITS", "-= 0", ("listed: gradients, floats",)),
    Mutant("listed: a free intercept decays", LISTED_AT, "decay = 0.0 if j in held else mu", "decay = mu", ("listed: gradients, floats",)),
    Mutant("listed: nothing is lost", LISTED_AT, "* UP + lost for g in gradient", "* UP for g in gradient", ("listed: margins, usual",)),
    Mutant("listed: the longest entry for the length", LISTED_AT, "[sqrt(sum(map(mul, g, g))) * UP + lost", "[max(map(abs, g)) * UP + lost", ("listed: margins, usual",)),
    Mutant("listed: a free intercept held by μ", LISTED_AT, "    if not lines.free:\n        return float", "    if True:\n        return float", ("listed: moduli",)),
    Mutant("listed: the curvature at the weights for the ball", LISTED_AT, "curvature(arb(z) + arb(size) * ball)", "curvature(arb(z))", ("listed: moduli, equal rows",)),
    Mutant("listed: all rows are as long as 1", LISTED_AT, "curvature(arb(z) + arb(size) * ball)", "curvature(arb(z) + arb(ball))", ("listed: moduli, equal rows",)),
    Mutant("listed: the mean is 0", LISTED_AT, "(mu + s + t * t / s)", "(mu + s)", ("listed: moduli",)),
    Mutant("listed: a modulus without its own sum", LISTED_AT, "(mu + s + t * t / s)", "(mu + t * t / s)", ("listed: moduli, equal rows",)),
    Mutant("listed: a modulus without μ", LISTED_AT, "(mu + s + t * t / s)", "(s + t * t / s)", ("listed: moduli, equal rows",)),
    Mutant("listed: any ball", LISTED_AT, "x * share * UP < ball and sum", "sum", ("listed: balls",)),
    Mutant("listed: moduli that doubles lose", LISTED_AT, "if not (1 / HUGE < share < inf and", "if not (share < inf and", ("listed: margins, great moduli",)),
    Mutant("listed: points that are 0 in doubles", LISTED_AT, "share < inf and seen > TINY", "share < inf", ("listed: margins, tiny points",)),
    Mutant("listed: points that doubles lose", LISTED_AT, "    room += TINY\n", "", ("listed: margins, lost bits",)),
    Mutant("listed: margins of exact floats", LISTED_AT, "room = 2.0**-50 * (len(e) + 4)", "room = 0.0 * (len(e) + 4)", ("listed: margins, cancelling",)),
    Mutant("listed: the least weights for the largest", LISTED_AT, "[max(max(column), -min(column)) for column in columns]\n    about", "[min(map(abs, column)) for column in columns]\n    about", ("listed: margins, cancelling",)),
    Mutant("listed: points known exactly", LISTED_AT, " + sum(float(x.rad()) * y for x, y in zip(e, reach, strict=True))) * UP", ") * UP", ("listed: margins, balls",)),
    Mutant("listed: the room counts for the label", LISTED_AT, "about, w)) - c - room", "about, w)) - c + room", ("listed: margins, cancelling",)),
    Mutant("listed: the threshold on the other side", LISTED_AT, "about, w)) - c - room", "about, w)) + c - room", ("listed: margins, usual",)),
    Mutant("listed: half of the way", LISTED_AT, "> x * share * UP * seen", "> 0.5 * x * share * UP * seen", ("listed: margins, usual",)),
    Mutant("listed: no way", LISTED_AT, "> x * share * UP * seen", "> 0.0", ("listed: margins, usual",)),
    Mutant("listed: weights of other sets", LISTED_AT, "_some(narrow, e, sets[at], weights[at])", "_some(narrow, e, sets[at], weights[: len(sets[at])])", note=SEEN),
    Mutant("listed: heads of several outputs", LISTED_AT, "return lines.width == 1 and", "return", note=SEEN),
    Mutant("sigmoids: half of what a chord errs by", SIGMOIDS, "2.0 ** (-2 * CELLS - 3)", "2.0 ** (-2 * CELLS - 5)", ("listed: slopes, narrow",)),
    Mutant("sigmoids: a quarter of the rounding", SIGMOIDS, "0.0963, 2.0**-29", "0.0963, 2.0**-31", ("listed: slopes, flat",)),
    Mutant("sigmoids: curvature without its square", SIGMOIDS, "(t / (1 + t) ** 2)", "(t / (1 + t))", ("listed: curvatures",)),
    Mutant("sigmoids: steepness by half", SIGMOIDS, "values([z], 0, 0)[0] * 2.0**-BITS + STEEP", "0.25 * values([z], 0, 0)[0] * 2.0**-BITS + STEEP", ("listed: slopes, middle",)),
    Mutant("sigmoids: cells begin at their end", SIGMOIDS, "found.append((x - b * (k << width), b))", "found.append((y - b * (k << width), b))", ("listed: slopes, narrow",)),
)
