"""`certify report`: one certificate in a medium, several on one page, a folder of them as an index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from certify.cli.app import app, interruptible

if TYPE_CHECKING:
    from certify.report.model import View

HTML = "html"


@app.command()
@interruptible
def report(
    certificates: Annotated[list[Path] | None, typer.Argument(
        metavar="CERT...", help="A certificate.json; several are set on one page.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to write (default: report.html beside it, or .md)."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="NAME",
                          help="html, pdf (PDF/A), markdown (a summary for a job or a comment), csv (a line a row), "
                               "sarif, junit, github, badge, model-card, cyclonedx or metrics (of DVC)."),
    ] = HTML,
    rows: Annotated[
        bool, typer.Option("--rows", help="Show outputs, labels and data of rows, from the files it binds (html)."),
    ] = False,
    previous: Annotated[Path | None, typer.Option(
        "--previous", metavar="CERT", help="An earlier certificate: say what changed, proved or not (html, pdf).")
    ] = None,
    redact: Annotated[bool, typer.Option(
        "--redact", help="Leave out names of files and columns, words of labels and people's reasons (html, pdf).")
    ] = False,
    trusted: Annotated[bool, typer.Option(
        "--trusted", help="Check it, and write what its verdict rests on: theorems, hypotheses, programs (trust.md).")
    ] = False,
    index: Annotated[Path | None, typer.Option(
        "--index", metavar="FOLDER", help="A page over all certificates in a folder, with their history.")] = None,
) -> None:
    """Write the report on a certificate again. It is read strictly, but only `certify check` checks its claims."""
    from certify.certificate.write import require_folder, write_together
    from certify.cli.text import one_line
    from certify.format.errors import SpecError

    given = certificates or []
    if (index is None) == (not given):
        raise SpecError("report", "certificates or --index FOLDER are needed, and not both" if given else
                        "no certificate is named", "give CERT, or --index FOLDER")
    if index is not None:
        _alone("--index writes a page over a folder of certificates", form, rows, previous, redact, trusted)
        path, content = output or index / "index.html", _index(index, output)
    elif trusted:
        from certify.cli.pages.trusted import trusted as page

        _alone("--trusted writes a page of its own", form, rows, previous, redact)
        path, content = page(_only(given), output)
    elif len(given) > 1:
        path, content = _required(output), _several(given, form, rows, previous, redact)
    else:
        path, content = _single(given[0], output, form, rows, previous, redact)
    _require_apart(path, given)
    require_folder(path.parent, (path.name,))
    write_together({path: content})
    print(one_line(f"report {path}"), file=sys.stderr)


def _require_apart(output: Path, certificates: list[Path]) -> None:
    """Refuse to write over a certificate or a file that it binds.

    Raises:
        SpecError: it is one of them.
    """
    from certify.certificate import read_certificate
    from certify.format.errors import SpecError

    for certificate in certificates:
        bound = (certificate.parent / file["path"] for file in read_certificate(certificate)["subject"].values())
        if output.resolve() in {certificate.resolve(), *(path.resolve() for path in bound)}:
            raise SpecError(f"-o {output}", f"{certificate} is about this file", "name another file")


def _single(certificate: Path, output: Path | None, form: str, rows: bool, previous: Path | None,
            redact: bool) -> tuple[Path, bytes]:
    """One certificate in a medium: where it goes, and its bytes."""
    from certify.certificate import read_certificate
    from certify.cli.formats import seen
    from certify.report.exporters import exporter

    medium = exporter(form)
    path = output or certificate.parent / f"report{medium.suffix}"
    content = read_certificate(certificate)
    if rows:
        return path, _with_rows(content, certificate.parent, form, _view(certificate, previous, redact)).encode("utf-8")
    if previous is None and not redact:
        return path, medium.content(content, seen(certificate.parent))
    return path, medium.viewed(content, _view(certificate, previous, redact))


def _view(certificate: Path, previous: Path | None, redact: bool) -> View:
    """What is asked of a report."""
    from certify.report.model import View

    if previous is None:
        return View(redact=redact)
    from certify.auditing.history.previous import since

    return View(since(previous, certificate, brief=redact), redact)


def _several(certificates: list[Path], form: str, rows: bool, previous: Path | None, redact: bool) -> bytes:
    """Several certificates on one page.

    Raises:
        SpecError: something that is for one certificate, or too many of them.
    """
    from certify.certificate import read_certificate
    from certify.format.errors import SpecError
    from certify.report.model import build
    from certify.report.pages.many import MOST, render_reports

    if form != HTML or rows or previous is not None:
        what = "--rows" if rows else "--previous" if previous is not None else f"--format {form}"
        raise SpecError(what, f"{len(certificates)} certificates are named", "name one certificate, or leave it out")
    if len(certificates) > MOST:
        raise SpecError("report", f"{len(certificates)} certificates are named, and a page holds {MOST}",
                        "name fewer, or use --index FOLDER")
    views = [_view(path, None, redact) for path in certificates]
    return render_reports([build(read_certificate(path), None, view)
                           for path, view in zip(certificates, views, strict=True)]).encode("utf-8")


def _required(output: Path | None) -> Path:
    """Where several reports go: beside which of them, nobody can know.

    Raises:
        SpecError: nothing is said.
    """
    from certify.format.errors import SpecError

    if output is None:
        raise SpecError("report", "several certificates, and no place for their page", "give -o FILE")
    return output


def _alone(what: str, form: str, rows: bool, previous: Path | None, redact: bool, trusted: bool = False) -> None:
    """Refuse options that a page of another kind has no use for.

    Raises:
        SpecError: one of them is given.
    """
    from certify.format.errors import SpecError

    for name, there in (("--rows", rows), ("--previous", previous is not None), ("--redact", redact),
                        (f"--format {form}", form != HTML), ("--trusted", trusted)):
        if there:
            raise SpecError(name, what, f"leave out {name}")


def _only(given: list[Path]) -> Path:
    """The one certificate.

    Raises:
        SpecError: there are several.
    """
    from certify.format.errors import SpecError

    if len(given) > 1:
        raise SpecError("--trusted", f"{len(given)} certificates are named", "name one certificate")
    return given[0]


def _index(folder: Path, output: Path | None) -> bytes:
    """The page over a folder."""
    from certify.auditing.history.collect import collect
    from certify.auditing.history.page import page

    _require_own(output or folder / "index.html")
    found = collect(folder)
    return page(found, (output or folder / "index.html").parent).encode("utf-8")


def _require_own(path: Path) -> None:
    """Refuse to write over a page that is no index of audits, which may be somebody's site.

    Raises:
        SpecError: such a page is there.
    """
    from certify.auditing.history.page import MARK
    from certify.format.errors import SpecError

    if not path.is_file():
        return
    with path.open("rb") as there:
        start = there.read(100_000)
    if MARK not in start:
        raise SpecError(f"--index, {path}", "another file of this name is there", "name a file with -o")


def _with_rows(content: dict[str, Any], folder: Path, form: str, view: View) -> str:
    """The page with rows of the data.

    Raises:
        SpecError: another medium, or a certificate that names no rows.
    """
    from certify.format.errors import SpecError
    from certify.report.exporters.html import render
    from certify.report.files.row_data import read_rows
    from certify.report.pages.redacted import require_no_rows
    from certify.report.reading import open_certificate

    require_no_rows(True, view.redact)
    if form != HTML:
        raise SpecError("--rows", f"--format {form} has no place for rows", "use --format html")
    data = read_rows(open_certificate(content), folder)
    if data is None:
        raise SpecError("--rows", "the certificate names no evaluation rows", "leave out --rows: it is for "
                        "stable_predictions under deleted or relabelled rows")
    return render(content, data, view)
