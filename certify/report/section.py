"""A section of a report: what it says, when it is there, and the template that sets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.certificate.schema import Certificate


def always(_: Certificate) -> bool:
    """A section that every report has."""
    return True


@dataclass(frozen=True)
class Section:
    """One section; its place is that in :data:`certify.report.sections.SECTIONS`.

    Attributes:
        name: of the file in `sections/` that makes it and of the template that sets it.
        title: its heading; empty where it has none of its own.
        build: makes the content, plain statements that know no medium, from a certificate that was read strictly.
        applies: whether a certificate has anything to say there.
        shows: makes the content of a page that was asked to show rows of the data; None: it shows none.
    """

    name: str
    title: str
    build: Callable[[Certificate], Any]
    applies: Callable[[Certificate], bool] = always
    shows: Callable[[Certificate, Any], Any] | None = None

    def content(self, opened: Certificate, rows: Any | None) -> Any:
        """What it says of a certificate, with rows of its data where they were asked for; None: it does not apply."""
        if not self.applies(opened):
            return None
        return self.build(opened) if rows is None or self.shows is None else self.shows(opened, rows)

    @property
    def template(self) -> str:
        """The template that sets it on a page."""
        return f"sections/{self.name}.html"


@dataclass(frozen=True)
class Placed:
    """A section in one report; `content` is None where it does not apply."""

    section: Section
    content: Any
