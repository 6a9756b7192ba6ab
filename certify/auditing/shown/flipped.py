"""Predictions that flip, in a sentence: how many flip already, and one with the rows of the change that flips it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certify.auditing.shown.both_kinds import RELABELLED
from certify.auditing.shown.owners import Owners
from certify.prove.rows_shown import first, of_both

Claim = Mapping[str, Any]
"""A claim of a certificate, as an audit reads it."""

MOST: Final = 6
"""Training rows, or groups of them, that are named in a sentence."""


def flips_of(claim: Claim) -> list[tuple[int, list[int]]]:
    """Flipped predictions, each with the training rows whose change flips it; with none: no row need change."""
    flipped, changed = claim["witness"].get("flipped") or [], claim["witness"].get("changed") or []
    width = len(changed) // max(len(flipped), 1)  # as many numbers a prediction, filled up with -1
    return [(j, [row for row in changed[a * width : (a + 1) * width] if row >= 0]) for a, j in enumerate(flipped)]


def already(claim: Claim) -> str:
    """Of how many flipped predictions the exact minimum of today's data gives another label; "" where of none."""
    flips = flips_of(claim)
    same = [j for j, rows in flips if not rows]
    if not same:
        return ""
    who = "" if len(flips) == 1 else "all of them " if len(same) == len(flips) else f"{len(same)} of them "
    named = f"row{'s' if len(same) > 1 else ''} {first(same, MOST)}"
    return f", {who}already when trained to the end on today's data ({named})"


def example(claim: Claim, owners: Owners | None = None) -> str:
    """One prediction that changed rows flip, with these; "" where none does."""
    flips = flips_of(claim)
    by = [(j, rows) for j, rows in flips if rows]
    if not by:
        return ""
    flipped, rows = by[0]
    them = f"training rows {first(rows, MOST)} together" if len(rows) > 1 else f"training row {rows[0]}"
    if owners is not None:
        them = owners.said(rows, MOST)
    elif RELABELLED in claim:
        them = f"training {of_both(rows, claim[RELABELLED][flipped], MOST)}"
    if len(by) < len(flips):
        return f", {len(by)} when rows change (row {flipped} by {them})"
    return f" (row {flipped} by {them})"
