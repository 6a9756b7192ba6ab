"""All certificates below a folder, read strictly, with the questions that they have in common over time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from certify.auditing.comparison import SAME
from certify.certificate import read_certificate
from certify.format.errors import CertifyError, InputError
from certify.report.glance.asked import answers
from certify.report.reading import open_certificate
from certify.report.statements import Phrase, prose

NAME: Final = "certificate.json"
ALIKE: Final = ("inputs", "outputs", "loss", "map", "layer", "weight_norm", "evaluation_rows", "arrays")
"""Members of a problem that two models have in common where one may be the next version of the other."""
MOST, DEEPEST, LARGEST = 1000, 12, 64 << 20
"""Most certificates of an index, folders below one another, bytes of a certificate."""


@dataclass(frozen=True)
class Point:
    """A claim of one certificate in the history of its question.

    Attributes:
        created: when the certificate was made.
        lower, upper: the ends; None where one is not proved.
        verdict: on the claim.
        proved: whether the ends are.
        path: of the certificate, below the folder.
        data: the first digits of the digest of the training data.
    """

    created: str
    lower: float | None
    upper: float | None
    verdict: str
    proved: bool
    path: str
    data: str


@dataclass(frozen=True)
class Series:
    """One question about models of one name and kind, with one file of evaluation rows, over time."""

    model: str
    asked: Phrase
    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Entry:
    """A certificate: what it says, in a line."""

    path: Path
    place: str
    created: str
    model: str
    verdict: str
    gates: str
    answers: tuple[tuple[str, Phrase], ...]


@dataclass(frozen=True)
class Collection:
    """What lies in a folder.

    Attributes:
        entries: the certificates by date, the latest first.
        series: questions that two certificates or more answer.
        unread: what is no certificate that can be read, and why.
        cut: whether there are more than the index holds.
    """

    entries: tuple[Entry, ...]
    series: tuple[Series, ...]
    unread: tuple[tuple[str, str], ...]
    cut: bool


def collect(folder: Path) -> Collection:
    """Read every certificate below a folder.

    Args:
        folder: links in it are not followed, and folders whose names begin with a dot are left out.

    Raises:
        InputError: it is no folder, or no certificate lies in it.
    """
    if not folder.is_dir():
        raise InputError(f"--index {folder}", "there is no such folder", "name a folder of audits")
    paths = []
    for path in _certificates(folder):
        paths.append(path)
        if len(paths) > MOST:
            break
    if not paths:
        raise InputError(f"--index {folder}", f"no {NAME} lies in it", "name a folder of audits")
    entries, unread, lines = [], [], dict[tuple[str, ...], list[tuple[Phrase, str, Point]]]()
    for path in paths[:MOST]:
        place = prose(path.relative_to(folder).as_posix())
        try:
            entries.append(_read(path, place, lines))
        except CertifyError as error:
            unread.append((place, prose(error.found)))
    entries.sort(key=lambda one: one.place)
    entries.sort(key=lambda one: one.created, reverse=True)
    series = tuple(Series(key[0], points[-1][0], points[-1][1], tuple(sorted(
        (point for _, _, point in points), key=lambda one: (one.created, one.path))))
        for key, points in sorted(lines.items()) if len(points) > 1)
    return Collection(tuple(entries), series, tuple(unread), len(paths) > MOST)


def _certificates(folder: Path) -> Iterator[Path]:
    top = len(folder.parts)
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [] if len(here.parts) - top >= DEEPEST else sorted(
            name for name in folders if not name.startswith("."))
        if NAME in names and (here / NAME).is_file() and not (here / NAME).is_symlink():
            yield here / NAME


def _read(path: Path, place: str, lines: dict[tuple[str, ...], list[tuple[Phrase, str, Point]]]) -> Entry:
    """A certificate; its claims join those of the same question."""
    if path.stat().st_size > LARGEST:
        raise InputError(str(path), f"larger than {LARGEST >> 20} MiB", "read it by itself")
    content = read_certificate(path)
    opened = open_certificate(content)
    said = answers(opened.claims, opened.problem)
    model = prose(PurePosixPath(opened.subject.model.path).name)
    problem = opened.problem.model_dump(mode="json")
    rows = opened.subject.evaluation
    asked = json.dumps([None if rows is None else rows.sha256, *(problem.get(member) for member in (*SAME, *ALIKE))],
                       sort_keys=True)
    for claim, answer in zip(opened.claims, said, strict=True):
        point = Point(opened.created, claim.lower, claim.upper, claim.verdict, answer.proved, place,
                      opened.subject.data.sha256[:12])
        key = (model, claim.quantity, asked)
        if not any(point == other for _, _, other in lines.get(key, ())):
            lines.setdefault(key, []).append((answer.asked, answer.name, point))
    return Entry(path, place, opened.created, model, opened.verdict, opened.gates,
                 tuple((one.name, one.said) for one in said))
