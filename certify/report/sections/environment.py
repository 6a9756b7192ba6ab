"""The machine and the programs that made the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from certify.certificate.schema import Certificate
from certify.report.section import Section
from certify.report.statements import Entry, prose, say

SHOWN_ELSEWHERE: Final = ("fit", "methods")
"""Members that are no facts about the machine."""


@dataclass(frozen=True)
class Environment:
    """The version of `certify`, and everything else as lines."""

    version: str
    entries: tuple[Entry, ...]


def _build(opened: Certificate) -> Environment:
    kept = {key: entry for key, entry in opened.environment.items() if key not in SHOWN_ELSEWHERE}
    return Environment(prose(opened.certify_version), tuple(_flat(kept)))


def _flat(members: Mapping[str, object], path: str = "") -> list[Entry]:
    """The members of a nested object as lines, their keys joined."""
    lines: list[Entry] = []
    for key in sorted(members):
        member, term = members[key], f"{path} {prose(key.replace('_', ' '))}".strip()
        if isinstance(member, Mapping):
            lines += _flat(member, f"{term}:")
        elif isinstance(member, list | tuple):
            lines.append(Entry(term, say("{t}", t=", ".join(map(_plain, member)))))
        else:
            lines.append(Entry(term, say("{t}", t=_plain(member))))
    return lines


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "—" if value is None else prose(str(value))


SECTION = Section("environment", "Environment", _build)
