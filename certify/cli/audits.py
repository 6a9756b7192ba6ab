"""`certify audit`: from files and a few words to answers, certificates and pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from certify.cli.app import app, decimal, interruptible, whole
from certify.cli.formats import TEXT, Formats
from certify.cli.options import (
    Activation,
    Evaluation,
    Graph,
    Groups,
    Jobs,
    Least,
    Level,
    Loss,
    Most,
    NoBiasDecay,
    Normalization,
    Probability,
    TargetsOff,
    Threshold,
    WeightDecay,
    Weights,
)
from certify.cli.pages.audited import AuditFormat, audit_formats, form_of, write_formats
from certify.cli.text import one_line
from certify.format.errors import InputError
from certify.problem.progress import shown

if TYPE_CHECKING:
    from certify.auditing.answering import Answer
    from certify.auditing.audit import Audit, Skipped
    from certify.auditing.questions.base import Options, Question
    from certify.auditing.subject import Subject
    from certify.auditing.told import Told

STATUS: Final = {"certified": 0, "refuted": 3, "inconclusive": 4}

Ask = Annotated[list[str], typer.Option(
    "--ask", metavar="WORDS", help="'rows deleted', 'labels wrong', 'noise in age', 'which rows matter', 'these rows', "
    "'how far from changing', 'how many labels wrong', 'signs of coefficients', 'targets off', '1 row deleted and "
    "1 label wrong'; several times for several (default: what is commonly asked; with --rows, --prediction or "
    "--groups what these name, and that alone).")]


@app.command()
@interruptible
def audit(
    model: Annotated[Path, typer.Argument(
        metavar="MODEL", help="The trained model: .safetensors, .pt, .pt2, .onnx, .skops, or .npz of a linear one.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Its training data: a table or arrays.")],
    evaluation: Evaluation = None,
    ask: Ask = [],  # noqa: B006
    activation: Activation = None,
    loss: Loss = None,
    weight_decay: WeightDecay = None,
    no_bias_decay: NoBiasDecay = False,
    normalization: Normalization = None,
    features: Annotated[
        str | None, typer.Option("--features", metavar="NAMES", help="Array, or columns with commas.")] = None,
    targets: Annotated[str | None, typer.Option("--targets", metavar="NAME", help="Array or column.")] = None,
    weights: Weights = None,
    groups: Groups = None,
    threshold: Threshold = None,
    probability: Probability = None,
    graph: Graph = None,
    factory: Annotated[str | None, typer.Option(
        "--factory", metavar="MODULE:CALLABLE", help="Makes the torch module of these weights; its code is run.")
    ] = None,
    delete: Annotated[str | None, typer.Option(
        "--delete", metavar="K", help="Rows that are left out, or 1% (default: 1).")] = None,
    relabel: Annotated[str | None, typer.Option(
        "--relabel", metavar="K", help="Labels that are wrong, or 1% (default: 1).")] = None,
    rows: Annotated[str | None, typer.Option(
        "--rows", metavar="ROWS", help="These rows are left out, e.g. 3,17,40-49 (49 is left out too).")] = None,
    prediction: Annotated[int | None, typer.Option(
        "--prediction", parser=whole, metavar="NUMBER", help="Which rows matter most to this row of --eval, from 0.",
    )] = None,
    noise: Annotated[list[str], typer.Option(
        "--noise", metavar="COLUMN=R", help="This feature may be off by R in every row.")] = [],  # noqa: B006
    targets_off: TargetsOff = None,
    level: Level = None,
    least: Least = [],  # noqa: B006
    most: Most = [],  # noqa: B006
    seconds: Annotated[float, typer.Option(
        "--seconds", parser=decimal, metavar="X", help="For each question.")] = 60.0,
    jobs: Jobs = 1,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where to write.")] = Path("audit"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    form: AuditFormat = [],  # noqa: B006
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Bring a model and its data: what can be proved about them is asked and answered, with certificates and pages.

    What no file says and would change the answers (activation, loss, weight decay) is asked for by name.
    """
    from certify.auditing.questions.base import Options
    from certify.auditing.questions.counted import shared
    from certify.auditing.questions.thresholds import thresholds_of
    from certify.auditing.told import Told
    from certify.prove.changed.amounts import off_of
    from certify.prove.changed.shares import given_of, rows_or_share
    from certify.theorems.jobs import among

    files = Files(model, data, evaluation)
    (deleted, one), (relabelled, other) = rows_or_share("--delete", delete), rows_or_share("--relabel", relabel)
    require_counts(deleted, relabelled, seconds, prediction)
    told = Told(activation, loss, weight_decay, not no_bias_decay, normalization, () if features is None else tuple(
        features.split(",")), targets, threshold, graph, factory, weights, probability, groups)
    options = shared(Options(
        deleted, relabelled, rows_of(rows), noise_of(noise), level, seconds, prediction=prediction,
        given=given_of(delete, relabel), thresholds=thresholds_of(least, most), groups=groups is not None,
        targets_off=off_of(targets_off, "--targets-off")), [one, other])
    with among(jobs):
        status = run_audit(files, told, ask, options, output, audit_formats(form, as_json, files.all), quiet)
    raise typer.Exit(status)


@dataclass(frozen=True)
class Files:
    """The files an audit is about."""

    model: Path
    data: Path
    evaluation: Path | None

    @property
    def all(self) -> list[Path]:
        """Those that there are."""
        return [path for path in (self.model, self.data, self.evaluation) if path is not None]


def run_audit(files: Files, told: Told, ask: Sequence[str], options: Options, output: Path,
              forms: Formats, quiet: bool) -> int:
    """Ask, print every answer as soon as it is known, and return the exit status.

    Args:
        files: model and data.
        told: what no file says.
        ask: phrases; none: what is commonly asked.
        options: of the questions.
        output: where to write.
        forms: what goes to standard output, and which files are written beside.
        quiet: nothing on standard error but errors.

    Raises:
        InputError: a file or a word that cannot be used, or something that nobody said.
    """
    from certify.auditing.audit import Skipped, audit_subject
    from certify.auditing.heard.said import with_readings
    from certify.auditing.questions.counted import counted
    from certify.auditing.ranked.shown import lines
    from certify.auditing.shown.alarm import misfit
    from certify.certificate.alone import working
    from certify.certificate.write import require_folder

    questions, options = _questions(files, told, ask, options)
    require_folder(output, ())
    output.mkdir(parents=True, exist_ok=True)  # paths of a spec lead through it

    printed: set[str] = set()
    silent = forms.out != TEXT  # one object on standard output, and nothing else there

    def said(found: Answer | Skipped) -> None:
        if isinstance(found, Skipped):
            if not quiet:
                why = "no answer" if found.applies else "does not apply"
                print(one_line(f"{why}: {found.question}: {found.reason}"), file=sys.stderr, flush=True)
            return
        _alarm(found.alarm, printed, silent)
        mark = {"certified": "proved ", "refuted": "refuted"}.get(found.verdict, "open   ")
        if not silent:
            why = f" [{found.reason}]" if found.reason else ""
            line = one_line(f"{mark} {found.sentence}{why}")
            if line not in printed:  # a question that is open says the same of each of its quantities
                print(line, flush=True)
                for row in lines(found.ranking):
                    print(one_line(f"        {row}"), flush=True)
            printed.add(line)

    with working(output):
        subject, options = counted(_subject(files, told, output), options)
        subject = with_readings(subject, questions, options)
        _alarm(misfit(subject), printed, silent)
        if not quiet:
            _introduce(subject)
        with shown(quiet) as tell:
            found = audit_subject(subject, questions, options, output, tell, said)
    _end(found, output, forms, quiet)
    return STATUS[found.verdict]


def _end(found: Audit, output: Path, forms: Formats, quiet: bool) -> None:
    """The verdict, cautions and where everything is."""
    from certify.certificate.audit_folder import PAGE

    write_formats(forms, found, _verdict(found))
    if forms.out == TEXT:
        why = f": {found.skipped[0].reason}" if quiet and found.skipped and not found.answers else ""
        print(one_line(f"{_verdict(found)}{why}"))
    else:
        print(form_of(forms.out, found, _verdict(found)))
    sys.stdout.flush()
    for words in dict.fromkeys(words for answer in found.answers for words in answer.cautions):
        print(one_line(f"caution: {words}"), file=sys.stderr)  # also where little is said
    if not quiet:
        print(one_line(f"page        {output / PAGE}"), file=sys.stderr)
        for place in dict.fromkeys(answer.folder for answer in found.answers):
            print(one_line(f"certificate {place / 'certificate.json'}"), file=sys.stderr)


def _questions(files: Files, told: Told, ask: Sequence[str], options: Options) -> tuple[tuple[Question, ...], Options]:
    """What is asked; where something was said that no question is about, it is said first that it is not there."""
    from certify.auditing.heard.columns import columns_of
    from certify.auditing.phrases import Unused, asked_for, first_wrong

    try:
        return asked_for(ask, options, partial(columns_of, files.data, told.targets, told.groups, told.weights))
    except Unused as unused:
        raise first_wrong(unused, options, partial(_subject, files, told)) from None


def _subject(files: Files, told: Told, output: Path) -> Subject:
    """The model with its data."""
    from certify.auditing.recognise import recognise

    return recognise(files.model, files.data, files.evaluation, told, output)


def _alarm(words: str, printed: set[str], as_json: bool) -> None:
    """What has to be read before any answer, once."""
    if words and words not in printed:
        print(one_line(f"WARNING: {words}"), file=sys.stderr if as_json else sys.stdout, flush=True)
        printed.add(words)


def _introduce(subject: Subject) -> None:
    """What was understood, before anything is proved."""
    print(one_line(f"model: {subject.words()}"), file=sys.stderr)
    print(one_line(subject.fit_as_trained.sentence()), file=sys.stderr)
    for note in subject.notes:
        print(one_line(f"note: {note}"), file=sys.stderr)
    sys.stderr.flush()


def _verdict(found: Audit) -> str:
    """The last line."""
    from certify.auditing.shown.headline import headline

    return f"{found.verdict} {headline(found.as_json())}"


def require_counts(delete: int, relabel: int, seconds: float, prediction: int | None = None) -> None:
    """Refuse numbers that ask for nothing."""
    if prediction is not None and prediction < 0:
        raise InputError(f"--prediction {prediction}", "no row", "give its number, from 0 on")
    for option, number in (("--delete", delete), ("--relabel", relabel)):
        if number < 1:
            raise InputError(f"{option} {number}", "no rows", "give a whole number from 1 on")
    if not seconds > 0:
        raise InputError(f"--seconds {seconds:g}", "no time", "give a number above 0")


def noise_of(texts: Sequence[str]) -> tuple[tuple[str | int, float | None], ...]:
    """Columns and amounts from `COLUMN=R`.

    Raises:
        InputError: a text of another form.

    >>> noise_of(["age=1", "3=0.5"])
    (('age', 1.0), (3, 0.5))
    """
    found: list[tuple[str | int, float | None]] = []
    for text in texts:
        column, _, amount = text.rpartition("=")
        if not column or re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", amount) is None or not (
                0 < float(amount) < float("inf")):
            raise InputError(f"--noise {text}", "no column with an amount", "write COLUMN=R, e.g. --noise age=1")
        found.append((int(column) if column.isdecimal() and column.isascii() else column, float(amount)))
    return tuple(found)


def rows_of(text: str | None) -> tuple[int, ...]:
    """Row numbers from `3,17,40` or `0-49`.

    Raises:
        InputError: a text of another form.

    >>> rows_of("3,17,40-42")
    (3, 17, 40, 41, 42)
    """
    found: list[int] = []
    for part in [] if text is None else text.split(","):
        ends = re.fullmatch(r"\s*([0-9]{1,9})(?:-([0-9]{1,9}))?\s*", part)
        if ends is None or int(ends[2] or ends[1]) < int(ends[1]):
            raise InputError(f"--rows {text}", f"{part.strip()!r} is no row number",
                             "write numbers from 0, e.g. 3,17,40-49")
        found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return tuple(dict.fromkeys(found))
