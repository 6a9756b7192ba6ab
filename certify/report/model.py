"""Turn a certificate into the statements of a report: what is said, before any medium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from posixpath import basename
from typing import TYPE_CHECKING, Any, Final

from certify.certificate.schema import Certificate, Problem
from certify.report.digits import count
from certify.report.glance.asked import answers, lead
from certify.report.maps import MAPS
from certify.report.pages.redacted import SAID, redacted, require_no_rows
from certify.report.phrases.listing import named_rows
from certify.report.phrases.network import architecture, named_layer, operations
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.row_kinds import condition
from certify.report.reading import open_certificate
from certify.report.section import Placed
from certify.report.sections import SECTIONS
from certify.report.sections.decisions.over_time import against_baseline
from certify.report.statements import Phrase, Report, Span, prose, say, visible

if TYPE_CHECKING:
    from certify.report.files.row_data import RowData


@dataclass(frozen=True)
class View:
    """What was asked of a report beside its certificate.

    Attributes:
        previous: what has changed since an earlier certificate.
        redact: whether what may be personal is left out.
    """

    previous: tuple[Phrase, ...] = ()
    redact: bool = False


PLAIN: Final = View()


def build(certificate: Mapping[str, Any], rows: RowData | None = None, view: View = PLAIN) -> Report:
    """Return everything a report on this certificate says.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        rows: the data behind it, where rows of it are to be shown.
        view: what else was asked of the report.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
        SpecError: rows are to be shown and left out.
    """
    return build_opened(open_certificate(certificate), rows, view)


def build_opened(opened: Certificate, rows: RowData | None = None, view: View = PLAIN) -> Report:
    """The same of a certificate that was read strictly."""
    require_no_rows(rows is not None, view.redact)
    shown = redacted(opened) if view.redact else opened
    asked, model = answers(shown.claims, shown.problem), _model(shown)
    return Report(
        title="".join(span.text for span in asked[0].asked),
        model=model,
        answer=lead(asked, model),
        subtitle=_subtitle(shown.problem),
        created=_date(shown.created),
        verdict=shown.verdict,
        sections=tuple(Placed(one, one.content(shown, rows)) for one in SECTIONS),
        previous=view.previous or against_baseline(shown),
        left_out=SAID if view.redact else (),
    )


def _model(shown: Certificate) -> str:
    """The file of the model, and what it was made from where the spec tells."""
    name, about = visible(basename(shown.subject.model.path)), shown.problem.about
    made = about.model if about is not None else None
    return name if made is None or made.name == name else f"{name} (made from {visible(made.name)})"


def _date(created: str) -> str:
    """The time stamp of the certificate as people write it; one that is no date stays as it is."""
    try:
        moment = datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return prose(created)
    month = ("January February March April May June July August September October November December").split()
    return f"{moment.day} {month[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def _subtitle(problem: Problem) -> Phrase:
    rows = "its {n} training rows" if problem.rows == "all" else "{listed} of its {n} training rows"
    row, point = PARAMETERS[problem.parameter], MAPS[problem.map].point(problem)
    verb = row.may if problem.direction is None else "fall"
    moves = f"the {row.noun} of {rows} {verb}" if row.sized or not problem.count else (
        f"at most {{count}} of {rows} {row.whole[problem.count == 1]}")
    moves = moves if not (kind := condition(problem)) else kind.replace("{", "{{").replace("}", "}}")
    network = "A network of {widths}," if problem.graph is not None else (
        "A linear model, {widths}," if len(problem.widths or ()) == 2 else
        "A fully connected {activation} network, {widths},")
    widths = Span("whole" if len(problem.widths or ()) < 8 else "text", architecture(problem))
    if problem.graph is not None:
        widths = Span("text", operations(problem))
    return say(
        network + " whose {parameters} parameters{layer} may adjust" + point.may + " when " + moves + ".",
        activation=problem.activation or "",
        widths=widths,
        parameters=count(problem.parameters),
        layer="" if problem.layer == "all" else f" in {named_layer(problem)}",
        count=count(problem.count or 0),
        listed="" if problem.rows == "all" else named_rows(problem.rows),
        n=count(problem.n),
    )
