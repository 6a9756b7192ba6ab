"""Where a report maps to laws, standards and frameworks: a dated table from a file of data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from certify.certificate.schema import Certificate
from certify.report.phrases.threats import threat_of
from certify.report.section import Section

FILE = "frameworks.toml"


@dataclass(frozen=True)
class Place:
    """A place of a text, and what of a report is relevant to it.

    Attributes:
        text: a law, a standard or a framework.
        place: where in it.
        about: what it is about there, in words of our own.
        here: what of the report is relevant.
        sections: where that stands in it, by name; a report has not all of them.
        apart: what it does not touch.
    """

    text: str
    place: str
    about: str
    here: str
    sections: tuple[str, ...]
    apart: str


@dataclass(frozen=True)
class Mapping:
    """The table, and the day on which it was last changed."""

    date: str
    places: tuple[Place, ...]


@cache
def read() -> Mapping:
    """The table of the package.

    >>> read().date
    '2026-11-28'
    """
    content = tomllib.loads(files("certify.report").joinpath(FILE).read_text(encoding="utf-8"))
    return Mapping(content["date"], tuple(
        Place(one["text"], one["place"], one["about"], one["here"], tuple(one["sections"]), one["not"])
        for one in content["entry"]))


def _build(opened: Certificate) -> Mapping:
    table, nearest = read(), threat_of(opened.problem).poisoning
    return Mapping(table.date, tuple(
        replace(one, here=one.here.replace("{poisoning}", nearest)) for one in table.places))


SECTION = Section("mapping", "What it maps to", _build)
