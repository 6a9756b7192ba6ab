"""Suppressions: gates that somebody answers for, until a day. They change the exit status, and no verdict or state."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.certificate.canonical import seal
from certify.certificate.schema import validate
from certify.format.errors import SpecError
from certify.format.words import State
from certify.spec.sources import read_source

if TYPE_CHECKING:
    from certify.report.exporters.outcomes import Outcome

Json = Mapping[str, Any]

KEYS: Final = ("gate", "fingerprint", "owner", "reason", "expires")
"""What a suppression says; nothing of it may be missing."""

MOST: Final = 1 << 20
"""Bytes of the file at most."""


@dataclass(frozen=True)
class Suppression:
    """One gate that does not count for now.

    Attributes:
        gate: what it asks, as a report says it: ``"modulus ≤ 20.0"``.
        fingerprint: of the gate, as SARIF and JUnit files have it.
        owner: who answers for it.
        reason: why.
        expires: the last day on which it holds.
    """

    gate: str
    fingerprint: str
    owner: str
    reason: str
    expires: date


def read_suppressions(path: Path) -> tuple[Suppression, ...]:
    """Read the file of suppressions.

    Raises:
        InputError: it cannot be read.
        SpecError: it is not TOML, a key is unknown or missing, or a value is of another kind.
    """
    source = read_source(path, "suppressions")
    name = f"suppressions {path}"
    if source.size > MOST:
        raise SpecError(name, f"{source.size} bytes", f"a file of at most {MOST} bytes is read")
    try:
        document = tomllib.loads(source.content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SpecError(name, f"not TOML: {error}", "mend it") from None
    unknown = [key for key in document if key != "suppress"]
    entries = document.get("suppress", [])
    if unknown or not isinstance(entries, list):
        raise SpecError(name, f"unknown key {unknown[0]!r}" if unknown else "suppress is no list",
                        "write every suppression as [[suppress]]")
    found = tuple(_entry(entry, f"{name}, entry {number}") for number, entry in enumerate(entries, 1))
    marks = [one.fingerprint for one in found]
    twice = next((mark for mark in marks if marks.count(mark) > 1), None)
    if twice is not None:
        raise SpecError(name, f"two entries have the fingerprint {twice}", "keep one of them")
    return found


def _entry(entry: object, where: str) -> Suppression:
    if not isinstance(entry, dict):
        raise SpecError(where, "it is no table", "write every suppression as [[suppress]]")
    for key in entry:
        if key not in KEYS:
            raise SpecError(f"{where}: unknown key {key!r}", f"the keys known there are {', '.join(KEYS)}", "remove it")
    for key in KEYS:
        if key not in entry:
            raise SpecError(f"{where}: {key}", "missing", f"give {', '.join(KEYS)}: none may be left out")
    expires = entry["expires"]
    if isinstance(expires, datetime) or not isinstance(expires, date):
        raise SpecError(f"{where}: expires", f"found {expires!r}", "give a day, e.g. expires = 2027-01-31")
    for key in KEYS[:-1]:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise SpecError(f"{where}: {key}", f"found {entry[key]!r}", "give a text that is not empty")
    return Suppression(*(entry[key] for key in KEYS))


def today() -> date:
    """The day in UTC, by the clock of this machine: no variable of the environment makes it another."""
    return datetime.now(UTC).date()


def suppress(certificate: Json, given: Iterable[Suppression], day: date) -> dict[str, Any]:
    """The certificate with the suppressions of its gates that are not met; the same one where there is none.

    Args:
        certificate: with its claims and gates over time.
        given: all suppressions.
        day: on which the run is.

    Raises:
        SpecError: a fingerprint belongs to another gate than the one that its entry names.
    """
    from certify.report.exporters.outcomes import outcomes  # only here: it loads every format

    by_mark = {one.fingerprint: one for one in outcomes(certificate).claims if one.gated}
    stated = []
    for one in given:
        gate = by_mark.get(one.fingerprint)
        _require_gate(one, gate, by_mark.values())
        if gate is not None and gate.state is not State.MET:
            stated.append({"gate": gate.asked, "fingerprint": one.fingerprint, "owner": one.owner, "reason": one.reason,
                           "expires": one.expires.isoformat(), "expired": day > one.expires, "state": str(gate.state)})
    if not stated:
        return dict(certificate)
    found = seal({**certificate, "suppressed": stated})
    validate(found)
    return found


def _require_gate(one: Suppression, gate: Outcome | None, gates: Iterable[Outcome]) -> None:
    """Refuse an entry whose gate and fingerprint contradict each other; one for another spec is left alone."""
    if gate is not None and gate.asked != one.gate:
        raise SpecError(f"suppression of {one.gate!r}", f"its fingerprint is that of {gate.asked!r}",
                        f'write gate = "{gate.asked}", or the fingerprint of the other')
    same = next((other for other in gates if other.asked == one.gate), None)
    if gate is None and same is not None:
        raise SpecError(f"suppression of {one.gate!r}", "its fingerprint is of another question",
                        f'if this one is meant, write fingerprint = "{same.fingerprint}"')
