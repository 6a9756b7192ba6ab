"""An audit: questions about one subject, one after the other, each answer on disk before the next is asked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from certify.auditing.answering import Answer, answered, overall
from certify.auditing.heard.held import held_of
from certify.auditing.known import Known
from certify.auditing.questions.base import Options, Question
from certify.auditing.ranked.shown import lines as lines_of
from certify.auditing.shown.alarm import misfit
from certify.auditing.shown.page import page, rows_page
from certify.auditing.shown.predictions import Table, today_of
from certify.auditing.subject import Subject
from certify.certificate.audit_folder import (
    DRAFT,
    JSON,
    PAGE,
    PREDICTIONS,
    RESULTS,
    ROWS,
    SPEC,
    announce,
    begin,
    remember,
    require_free,
)
from certify.certificate.write import write_together
from certify.format.errors import CertifyError, InputError
from certify.problem.progress import Progress
from certify.report.phrases.decisions.beside import AGAIN

FORMAT: Final = "certify-audit/1"


@dataclass(frozen=True)
class Skipped:
    """A question that was not answered.

    Attributes:
        question: by its first words.
        reason: why.
        asked: whether somebody asked it.
        applies: whether it makes sense of the model, so that an error alone stopped it.
    """

    question: str
    reason: str
    asked: bool = False
    applies: bool = False


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        subject: the model with its data, as it was understood.
        answers: in the order in which they were asked; a question with several quantities gives several.
        skipped: questions that could not be asked.
        folder: where specs, certificates and pages are; the first question's lie in it, those of others in folders.
        keep: what has to live as long as the files.
        waiting: questions that are not asked yet; none once the audit is done.
        predictions: what was said of each prediction; None where nothing was.
    """

    subject: Subject
    answers: tuple[Answer, ...]
    skipped: tuple[Skipped, ...]
    folder: Path
    keep: Any = None
    waiting: tuple[str, ...] = ()
    predictions: Table | None = None

    @property
    def verdict(self) -> str:
        """``refuted`` if a threshold somebody gave is, ``certified`` if something was proved, else ``inconclusive``.

        ``inconclusive`` too where a question that somebody asked has no answer, or one is not asked yet.
        """
        found = overall(self.answers)
        missing = bool(self.waiting) or any(one.asked for one in self.skipped)
        return "inconclusive" if missing and found == "certified" else found

    @property
    def alarms(self) -> tuple[str, ...]:
        """What has to be read before any answer."""
        return tuple(dict.fromkeys(filter(None, (misfit(self.subject), *(one.alarm for one in self.answers)))))

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        fit = self.subject.fit_as_trained
        return {
            "format": FORMAT,
            **({"alarms": list(self.alarms)} if self.alarms else {}),
            "model": {"network": self.subject.words(), "training_loss": fit.value,
                      "training_accuracy": None if fit.right is None else fit.right / fit.rows,
                      **({"labels_parted": fit.parted.removeprefix(", ")} if fit.parted else {}),
                      "notes": list(self.subject.notes)},
            "files": {role: {"name": name, "sha256": digest} for role, name, digest in self.subject.given},
            "answers": [answer.as_json() | {"certificate": f"{_place(answer, self.folder)}certificate.json"}
                        for answer in self.answers],
            "skipped": [{"question": one.question, "reason": one.reason, "applies": one.applies}
                        for one in self.skipped],
            "verdict": self.verdict,
            **({"waiting": list(self.waiting)} if self.waiting else {}),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A line for each answer."""
        return [{"question": a.question, "quantity": a.quantity, "lower": a.lower, "upper": a.upper,
                 "verdict": a.verdict, "answer": a.sentence, "reason": a.reason, "seconds": a.seconds}
                for a in self.answers]

    def to_frame(self) -> Any:
        """A pandas DataFrame, a line for each answer.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise InputError("to_frame", "pandas is not installed", "run pip install pandas, or use rows()") from None
        return pandas.DataFrame(self.rows())

    def save(self, folder: str | Path) -> Path:
        """Copy specs, models, data, certificates and pages into a folder, which must not hold an audit yet.

        Raises:
            InputError: it does, or another file would be replaced.
        """
        target = Path(folder)
        if (target / JSON).exists():
            raise InputError(f"save {target}", "there is an audit already", "name another folder")
        for path in self.folder.rglob("*"):
            if path.is_file() and os.path.lexists(target / path.relative_to(self.folder)):
                raise InputError(f"save {target}", f"{path.relative_to(self.folder)} is there already",
                                 "name another folder")
        shutil.copytree(self.folder, target, dirs_exist_ok=True)
        return target

    def plot(self, axes: Any = None) -> Any:
        """A bar for each count of predictions, or of signs: proved to stay, undecided, flipped.

        Args:
            axes: of matplotlib; None: new ones.

        Returns:
            The axes.
        """
        from certify.auditing.shown.picture import drawn

        return drawn(self.answers, axes)

    def __repr__(self) -> str:
        each = (line for a in self.answers for line in (a.sentence, *(f"  {row}" for row in lines_of(a.ranking))))
        about = next((f"  {AGAIN}" for a in self.answers if a.beside and a.verdict != "inconclusive"), "")
        lines = [f"Audit of {self.subject.words()}: {self.verdict}",
                 *(f"  WARNING: {one}" for one in self.alarms), *(f"  {line}" for line in each),
                 *([about] if about else []),
                 *(f"  {'no answer' if one.applies else 'does not apply'}: {one.question}: {one.reason}"
                   for one in self.skipped)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from certify.auditing.shown.page import fragment

        return fragment(self.as_json())


def audit_subject(subject: Subject, questions: Sequence[Question], options: Options, folder: Path, tell: Progress,
                  said: Callable[[Answer | Skipped], None] = lambda found: None, keep: Any = None) -> Audit:
    """Ask questions one after the other, and write what was found after each.

    Args:
        subject: what they are about.
        questions: in order.
        options: what was said of them.
        folder: where to write; the first question that is answered has its files in it, others in folders.
        tell: told the stage and the fraction of the question done.
        said: told each answer, and each question that is not asked, as soon as it is known.
        keep: what has to live as long as the files.

    Raises:
        InputError: rows or features are named that are not there.
    """
    for question in questions:
        if wrong := question.misnamed(subject, options):
            raise InputError(f"audit, {question.words[0]}", wrong, "correct what is named: nothing was asked")
    held, _ = held_of(subject, questions, options)
    later = tuple(question.words[0] for question in questions)
    found, known = Audit(subject, (), (), folder, keep, later), Known()
    if not subject.stored:
        begin(folder, subject.files(), subject.beside)
    announce(folder, (PREDICTIONS,))
    _write(found)
    for done, question in enumerate(questions, 1):
        reason = question.against(subject, options)
        applies = not reason
        answers: list[Answer] = []
        if not reason:
            place = folder if not found.answers else folder / question.slug
            own = [f"{_under(place, folder)}{name}" for name in (DRAFT, *question.files)]
            try:
                for name in (SPEC, ROWS, *question.files):
                    require_free(place / name)
                announce(folder, own)
                own_options = replace(options, thresholds=held[question.slug])
                answers = answered(subject.at(place), question, own_options, place, tell,
                                   partial(announce, folder, ()), known)
                _write_rows(subject, answers, folder)
            except CertifyError as error:
                reason = str(error).removeprefix(f"{DRAFT}: ")
            finally:
                remember(folder, own)
        demanded = question.demanded(options) or applies and bool(options.thresholds)  # that one may not be held
        skipped = [Skipped(question.words[0], reason, demanded, applies)] if reason else []
        found = Audit(subject, (*found.answers, *answers), (*found.skipped, *skipped), folder, keep, later[done:],
                      _tabled(found.predictions, subject, answers))
        _write(found)
        for where in dict.fromkeys(_place(answer, folder) for answer in answers):
            remember(folder, [f"{where}{name}" for name in (SPEC, ROWS, *RESULTS)])
        every: list[Answer | Skipped] = [*answers, *skipped]
        for one in every:
            said(one)  # what was said is on the disk, whatever comes
    return found


def _write(found: Audit) -> None:
    content, table = found.as_json(), found.predictions
    rows = {} if table is None else {found.folder / PREDICTIONS: table.csv().encode()}
    write_together({found.folder / JSON: (json.dumps(content, indent=1, allow_nan=False) + "\n").encode(),
                    found.folder / PAGE: page(content, table).encode(), **rows})
    remember(found.folder, [PAGE, JSON, *([PREDICTIONS] if rows else [])])


def _tabled(table: Table | None, subject: Subject, answers: Sequence[Answer]) -> Table | None:
    """The table of predictions with what these answers say of them; one that says what another one did is left out."""
    known = () if table is None else table.columns
    more = [one.predictions for one in answers
            if one.predictions is not None and all(one.predictions.change != column.change for column in known)]
    today = None if not more else today_of(subject) if table is None else table.today
    return table if today is None else Table(today, (*known, *more))


def _write_rows(subject: Subject, answers: Sequence[Answer], folder: Path) -> None:
    """The page of the rows that a question names."""
    for answer in answers:
        if answer.ranking is not None and answer.ranking["rows"]:
            text = rows_page(subject.words(), answer.question, answer.sentence, answer.ranking)
            content = {answer.folder / ROWS: text.encode()}
            announce(folder, (), content)
            write_together(content)


def _place(answer: Answer, folder: Path) -> str:
    return _under(answer.folder, folder)


def _under(place: Path, folder: Path) -> str:
    return "" if place.resolve() == folder.resolve() else f"{place.name}/"
