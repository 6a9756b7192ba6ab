"""The sections of a report, one a file, in the order in which they are read."""

from __future__ import annotations

from typing import Final

from certify.report.section import Section
from certify.report.sections import (
    assumptions,
    changed_rows,
    environment,
    gates,
    point,
    problem,
    repeat,
    rows,
    says,
    scope,
    terms,
    undecided,
    verdict,
)
from certify.report.sections.decisions import over_time, suppressed
from certify.report.sections.reader import mapping, overview, threat

SECTIONS: Final[tuple[Section, ...]] = tuple(module.SECTION for module in (
    verdict, overview, undecided, says, gates, over_time, suppressed, threat, changed_rows, rows, scope, point,
    assumptions, problem, repeat, environment, mapping, terms,
))
"""Every section. A new one is a file here, a template of its name, and its place in this line."""
