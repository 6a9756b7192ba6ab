"""The exit status of a run: what its gates say, less what is suppressed, and what an open gate means here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certify.format.errors import SpecError
from certify.format.words import State
from certify.prove.gates import EXIT, exit_of, worst

Json = Mapping[str, Any]

FAIL, WARN, PASS = "fail", "warn", "pass"
WORDS: Final = (FAIL, WARN, PASS)
"""What `--on-inconclusive` takes."""


def require_word(word: str) -> str:
    """What to do about open gates.

    Raises:
        SpecError: another word.
    """
    if word not in WORDS:
        raise SpecError(f"--on-inconclusive {word}", "there is no such choice", f"use {', '.join(WORDS)}")
    return word


def status_of(certificate: Json, on_inconclusive: str = FAIL) -> int:
    """Exit status of a run: 3 if a gate that counts failed, else 4 if one is open or nothing was proved, else 0.

    Args:
        certificate: with gates over time and suppressions.
        on_inconclusive: whether what is open gives status 4 (``"fail"``) or 0; no word of a verdict changes.
    """
    found = own_status(certificate)
    return 0 if found == EXIT["open"] and on_inconclusive != FAIL else found


def own_status(certificate: Json) -> int:
    """The same where open gates count."""
    if "suppressed" not in certificate:
        return exit_of(certificate)
    from certify.report.exporters.outcomes import outcomes  # only here: it loads every format

    claims = certificate["claims"]
    nothing = all(claim["gate"] is None and claim["verdict"] == "inconclusive" for claim in claims)
    counting = {one.state for one in outcomes(certificate).claims if one.gated and one.decides}
    return worst(EXIT["open"] if nothing else 0, *(EXIT[str(state)] for state in counting))


def open_note(certificate: Json, on_inconclusive: str) -> str:
    """What a person is told about open gates that do not count; empty where none is, or nobody wants to hear it."""
    if on_inconclusive != WARN or own_status(certificate) != EXIT["open"]:
        return ""
    from certify.report.exporters.outcomes import outcomes  # only here: it loads every format

    names = [one.asked for one in outcomes(certificate).claims
             if one.state is State.OPEN and one.decides] or ["nothing was proved"]
    return f"warning: open, and not counted (--on-inconclusive warn): {', '.join(names)}"
