"""The sensitivity of each training row: order, table and summary."""

from __future__ import annotations

import math
from fractions import Fraction

from certify.certificate.schema import Claim
from certify.report.digits import count, lower_end, upper_end
from certify.report.quantities import QUANTITIES
from certify.report.statements import Phrase, RowEnds, Rows, say

TOP_ROWS = 10
TABLE_DIGITS, SENTENCE_DIGITS = 5, 4
LISTED = 24

Ends = tuple[int, float | None, float | None]


def find_rows(claim: Claim) -> Rows:
    """Order the rows of a per-row claim by falling upper end; rows without a proved one come first."""
    ends: list[Ends] = list(zip(claim.rows or (), claim.row_lower or (), claim.row_upper or (), strict=True))
    ends.sort(key=lambda e: (e[2] is not None, -(e[2] or 0.0), -(e[1] or 0.0), e[0]))
    largest = max((upper for _, _, upper in ends if upper is not None), default=0.0)
    known = any(lower is not None or upper is not None for _, lower, upper in ends)
    known = known and (largest > 0 or any(upper is None for _, _, upper in ends))  # a table of zeros says nothing
    every = tuple(_shown(row, lower, upper, largest) for row, lower, upper in ends) if known else ()
    proved = [(lower, -row) for row, lower, _ in ends if lower is not None]
    most = -max(proved)[1] if proved else None
    noun = QUANTITIES[claim.quantity].row_noun
    first, others = [e for e in ends if e[0] == most], [e for e in ends if e[0] != most]
    return Rows(
        every=every,
        top=every[:TOP_ROWS],
        top_proved=_above(ends[:TOP_ROWS], ends[TOP_ROWS:]),
        most=most,
        most_proved=_above(first, others),
        summary=_summary(ends, noun),
        notes=_notes(ends) if known else (),
        noun=noun,
    )


def _above(some: list[Ends], others: list[Ends]) -> bool:
    """Whether the ends prove that none of the others exceeds any of these."""
    least = min((lower if lower is not None else -math.inf for _, lower, _ in some), default=-math.inf)
    return all(upper is not None and upper <= least for _, _, upper in others)


def _shown(row: int, lower: float | None, upper: float | None, largest: float) -> RowEnds:
    return RowEnds(
        row=row,
        lower=None if lower is None else lower_end(lower, TABLE_DIGITS),
        upper=None if upper is None else upper_end(upper, TABLE_DIGITS),
        share=None if upper is None or not largest > 0 else float(Fraction(upper) / Fraction(largest)),
    )


def _summary(ends: list[Ends], noun: str) -> Phrase:
    """How the rows compare, where all have a proved upper end."""
    uppers = sorted(upper for _, _, upper in ends if upper is not None)
    if len(ends) < 3 or len(uppers) < len(ends):
        return ()
    return say(
        "The {noun} differs from row to row. It is at most {largest} for the most sensitive of the {n} rows, and at "
        "most {middle} for at least half of them.",
        noun=noun,
        largest=upper_end(uppers[-1], SENTENCE_DIGITS),
        n=count(len(ends)),
        middle=upper_end(uppers[(len(uppers) - 1) // 2], SENTENCE_DIGITS),
    )


def _notes(ends: list[Ends]) -> tuple[Phrase, ...]:
    notes = []
    unproved = sorted(row for row, _, upper in ends if upper is None)
    if unproved:
        listed = ", ".join(map(str, unproved[:LISTED])) + (" …" if len(unproved) > LISTED else "")
        notes.append(say("No upper end was proved for {rows}.", rows=f"row{'s' * (len(unproved) > 1)} {listed}"))
    gaps = [1 - Fraction(lo) / Fraction(up) for _, lo, up in ends if lo is not None and up is not None and up > 0]
    if gaps and len(gaps) == len(ends):
        gap = float(max(gaps)) * (1 + 1e-15)
        template = "In every row the two ends differ by at most {gap} of the upper end; digits are rounded outward."
        notes.append(say(template, gap=upper_end(gap, 2)))
    return tuple(notes)
