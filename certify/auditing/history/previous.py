"""What has changed since an earlier certificate, in sentences; only ends that do not overlap decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from certify.auditing.comparison import Compared, differences
from certify.certificate import read_certificate
from certify.format.digits import enclosure
from certify.report.statements import Phrase, say

WORDS: Final[Mapping[str, str]] = {
    "A": "worse than last time, proved", "B": "better than last time, proved", "equal": "the same as last time, proved",
    "open": "the proved ends overlap: neither better nor worse is proved"}
THIS: Final = "this certificate"
LONGEST: Final = 400
"""Longest reason that is shown whole."""


def since(previous: Path, now: Path, brief: bool = False) -> tuple[Phrase, ...]:
    """Compare a certificate with an earlier one.

    Args:
        previous: the earlier certificate.
        now: the one that the report is about.
        brief: whether reasons, which may hold names, are left out.

    Raises:
        CertifyError: one of them cannot be read.
    """
    found = differences(previous, now)
    earlier, later = read_certificate(previous), read_certificate(now)
    lines = [_decided(one) for one in found.compared]
    lines += [_left(words.replace(str(now), THIS), earlier, later, brief) for words in found.left]
    if not lines:
        lines.append(say("Both answer no question in common."))
    lines.append(say("Compared with the certificate of {when} ({digest}…). Its numbers were read and not proved again.",
                     when=str(earlier["created"]), digest=str(earlier["digest"])[:19]))
    return tuple(lines)


def _decided(one: Compared) -> Phrase:
    return say("{quantity}, {change}: last time {before}, now {after}: {words}.", quantity=one.quantity,
               change=one.change, before=enclosure(*one.a), after=enclosure(*one.b), words=WORDS[one.better])


def _left(words: str, earlier: Mapping[str, Any], later: Mapping[str, Any], brief: bool) -> Phrase:
    """What was not compared, with both numbers where both certificates have one of that quantity."""
    quantity = words.partition(",")[0]
    before, after = (next(_ends(one, quantity), None) for one in (earlier, later))
    if brief:
        words = f"{quantity}, as the questions or the rows differ"
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
    words = words.replace("of A ", "of last time ").replace("of B ", "of now ").replace(
        "of A and B", "of last time and of now")
    if before is None or after is None:
        return say("Not compared: {words}.", words=words)
    return say("Not compared: {words}. Last time {before}, now {after}: answers to two questions.", words=words,
               before=before, after=after)


def _ends(certificate: Mapping[str, Any], quantity: str) -> Iterator[str]:
    return (enclosure(claim["lower"], claim["upper"]) for claim in certificate["claims"]
            if claim["quantity"] == quantity)
