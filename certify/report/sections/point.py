"""The point examined: which solution the claims are about, and how far it is from the weights in the file."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Certificate
from certify.report.maps import MAPS
from certify.report.maps.solution_map import Examined
from certify.report.section import Section
from certify.report.statements import Entry, Phrase
from certify.report.theorems import theorem_of


@dataclass(frozen=True)
class Described:
    """The solution examined in words, and its distances as lines of a table."""

    base: tuple[Phrase, ...]
    distances: tuple[Entry, ...]


def examined(opened: Certificate) -> Examined:
    """What is known of the point examined."""
    problem, claims = opened.problem, opened.claims
    only = any(theorem_of(claim, problem).only_point for claim in claims)
    return Examined(opened.base, problem, claims, only)


def _build(opened: Certificate) -> Described:
    return Described(*MAPS[opened.problem.map].point(opened.problem).describe(examined(opened)))


SECTION = Section("point", "The point examined", _build)
