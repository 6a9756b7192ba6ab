r"""What a certificate tells in words under a passing check: a date, a machine, statements of hypotheses, reasons.

Nothing of it is derived but the words of a hypothesis, which are held against what its theorem says. The rest is
bounded: so long at most, and without characters that make a terminal or a page show something else than is there.
"""

from __future__ import annotations

import re
from datetime import datetime
from importlib import import_module

from certify.format.canonical import LARGEST_INTEGER, Json, encode, show
from certify.format.refusal import Invalid

LONGEST, LARGEST, DEEPEST = 4000, 2**16, 8
"""Characters of a text; bytes of the member `environment`, and how deep its values lie."""

MISLEADING = re.compile(r"[\0-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
                        "\U000e0000-\U000e007f]")
"""Controls, escapes, and what turns or hides the text around it."""

NOTHING = "(?!)"
"""Fits no text."""

STATEMENTS = {
    "counting": "there are at least as many free parameters as equations \\(([0-9]+) and ([0-9]+)\\)",
    "smooth": "the network is (twice )?continuously differentiable everywhere( \\(([a-z_]{1,24}|no activation)\\))?",
    "rank": "the Jacobian of all outputs(, by relative changes of the layers,)? has full row rank(: its smallest "
            "singular value is at least|, by the upper end|, in exact numbers)?",
}
"""What is said of each hypothesis, in whole; of the numbers in it only those are proved that the claim has too.

Those of moduli where the weights fit and nothing has a kink; the others are in `statements`, or where they are derived.
"""
OF_BASE = dict.fromkeys(("solution", "tilt"), "systems.near.in_base")


def check_told(top: Json) -> None:
    """The date is one, and texts and the environment are bounded; raises `Invalid`."""
    created = top["created"]
    try:
        there = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", created)
        datetime.strptime(created if there else "", "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 — the Z is in the form
    except ValueError:
        raise Invalid("created", f"{show(created)} is stated", "YYYY-MM-DDThh:mm:ssZ is needed, a time that there is"
                      ) from None
    check_text("certify_version", top["certify_version"], 100)
    size = len(encode(top["environment"]))
    if size > LARGEST:
        raise Invalid("environment", f"it has {size} bytes", f"at most {LARGEST} are read")
    _check_values("environment", top["environment"], DEEPEST)


def _check_values(where: str, value: object, deep: int) -> None:
    """Short texts and numbers alone, not nested deeply."""
    if isinstance(value, str):
        check_text(where, value)
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise Invalid(where, f"{show(value, 40)} is stated", "a number that a double holds is needed")
    elif isinstance(value, dict | list):
        if not deep:
            raise Invalid(where, "the nesting is too deep", f"{DEEPEST} levels are enough")
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_values(where, part, deep - 1)


def check_text(where: str, value: str, longest: int = LONGEST) -> None:
    r"""A text is short and shows what it holds.

    >>> check_text("reason", "no factorisation was found")
    >>> check_text("reason", "\u202ecertified")
    Traceback (most recent call last):
    certify.format.refusal.Invalid: reason: "\u202ecertified" is stated, but a text without control characters is needed
    """
    if len(value) > longest:
        raise Invalid(where, f"it has {len(value)} characters", f"at most {longest} are read")
    if MISLEADING.search(value):
        raise Invalid(where, f"{show(value)} is stated", "a text without control characters is needed")


def check_statement(where: str, name: str, statement: str, counted: tuple[int, int]) -> None:
    """The words of a hypothesis are those of its theorem, or none; the numbers counted there are those of the problem.

    >>> check_statement("claims[0]", "interior", "the level exceeds the training loss by at least", (9, 4))
    >>> check_statement("claims[0]", "interior", "no change moves it", (9, 4))
    Traceback (most recent call last):
    certify.format.refusal.Invalid: claims[0]: "no change moves it" is stated, but "interior" says something else
    """
    found = re.fullmatch(STATEMENTS.get(name, NOTHING), statement[:LONGEST])
    if found is None and statement:
        others = import_module("certify.check." + OF_BASE.get(name, "reading.statements"))
        found = re.fullmatch(others.STATEMENTS.get(name, NOTHING), statement[:LONGEST])
    if statement and (found is None or (name == "counting" and found.groups() != tuple(map(str, counted)))):
        raise Invalid(where, f"{show(statement)} is stated", f"{show(name)} says something else")
