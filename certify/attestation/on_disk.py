"""What was signed, held against files: subjects and inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from certify.attestation.manifest import GIT, listed
from certify.attestation.summary import File, Folder, Summary
from certify.format.canonical import show
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.spec.sources import sha256_file

DIGITS = 12
"""Hexadecimal digits of a digest that are printed."""


@dataclass(frozen=True)
class Compared:
    """Which files had the digests that were signed.

    Attributes:
        same: by what they are for; all of them are as they were.
        missing: what was not found, and so not compared.
        left_out: what was left out of the folder when it was signed, and so not compared.
        paths: of the files that were found, by role; of several with the same bytes the first.
    """

    same: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    paths: Mapping[str, Path] = field(default_factory=dict)


def places(name: str, folders: Iterable[Path]) -> list[Path]:
    """Where a signed name may lie: in each folder at its place there, or by its last part alone.

    >>> places("a/x.npz", [Path("f")]), places("x.npz", [Path("f")])
    ([PosixPath('f/a/x.npz'), PosixPath('f/x.npz')], [PosixPath('f/x.npz')])
    """
    path = PurePosixPath(name)
    return [folder / one for folder in folders for one in dict.fromkeys((path, PurePosixPath(path.name)))]


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that the system refuses, as too long, is none."""
    return os.path.isfile(path)


def compare(summary: Summary, folders: Sequence[Path], beside: Sequence[Path], own: Path,
            recorded: Mapping[str, Path]) -> Compared:
    """Hold files against the digests that were signed.

    In one folder a name may be that of two files, at its place and by its last part: both are compared. Of two folders
    the first that holds one counts. Where the certificate records a file is looked at last. A model that is recorded
    in the folder is compared too, for the spec in there means that one.

    Args:
        summary: what was signed.
        folders: where the caller says that the model is: subjects have to lie in them, and not above.
        beside: where the other files are looked for too; where no folder is named, subjects also.
        own: the signed file itself, which is no part of a folder that is a subject.
        recorded: where the certificate, whose digest was signed, records its files, by role.

    Raises:
        Invalid: a file has other bytes, or the model, or a folder that is a subject, is nowhere.
    """
    same, missing = [], []
    found: dict[str, Path] = {}
    subject = folders or beside
    for one in summary.inputs:
        model = one.role == "model"
        paths = _in_first(one.name, subject if model else [*folders, *beside])
        there = recorded.get(one.role)
        if there is not None and is_file(there) and _counts(there, model, folders, paths):
            paths.append(there)
        for path in paths:
            where = f"{one.role} file {show(str(path))}"
            require_digest(one, _digest(path, where), where)
            same.append(f"{one.role} {path}")
            found.setdefault(one.role, path)
        if not paths and model:
            raise Invalid(f"subject {show(one.name)}", "it was signed",
                          f"no file of this name is in {_words(subject)}")
        if not paths:
            missing.append(f"{one.role} {one.name}")
    if summary.folder is None:
        return Compared(tuple(same), tuple(missing), (), found)
    same.append(f"folder {_folder(summary.folder, subject, own)}")
    return Compared(tuple(same), tuple(missing), (*summary.folder.ignored, *GIT), found)


def _in_first(name: str, folders: Iterable[Path]) -> list[Path]:
    """The files of a signed name in the first folder that holds any."""
    return next((paths for folder in folders if (paths := [path for path in places(name, [folder]) if is_file(path)])),
                [])


def _counts(recorded: Path, model: bool, folders: Sequence[Path], found: Sequence[Path]) -> bool:
    """Whether the place that the certificate records is compared: of the model never outside the folders named."""
    if not model:
        return not found
    if any(recorded.resolve() == path.resolve() for path in found):
        return False
    return not folders or any(recorded.resolve().is_relative_to(folder.resolve()) for folder in folders)


def _words(folders: Sequence[Path]) -> str:
    return ", ".join(show(str(folder)) for folder in folders) or "no folder"


def require_digest(one: File, digest: str, where: str) -> None:
    """Refuse bytes that are not those that were signed.

    Raises:
        Invalid: they have another digest.
    """
    if digest != one.digest.sha256:
        raise Invalid(where, f"sha256 {one.digest.sha256} was signed", "its bytes have another")


def _digest(path: Path, where: str) -> str:
    try:
        return sha256_file(path)
    except InputError as error:
        raise Invalid(where, "its digest was signed", error.found) from None


def _folder(signed: Folder, folders: Sequence[Path], own: Path) -> Path:
    """The folder that is a subject: one of those named, or of its name in one of them.

    The first that holds one of its files counts: a whole copy elsewhere says nothing for one that was changed.

    Raises:
        Invalid: it differs, or none of them holds a file that was signed.
    """
    for place in (place for folder in folders for place in (folder, folder / signed.name)):
        if any(is_file(place / one.name) for one in signed.resources):
            wrong = _difference(signed, place, own)
            if wrong is None:
                return place
            raise Invalid(f"folder {show(str(place))}", f"{show(signed.name)} was signed", wrong)
    raise Invalid(f"subject {show(signed.name)}", "it was signed", f"it is in none of {_words(folders)}")


def _difference(signed: Folder, place: Path, own: Path) -> str | None:
    """The first file that is missing, new or another; None where there is none. Names first: they cost little."""
    stated = {one.name: one.digest.sha256 for one in signed.resources}
    if len(stated) < len(signed.resources):
        return "a file is listed twice"
    missing = next((name for name in stated if not is_file(place / name)), None)
    if missing is not None:
        return f"{show(missing)} is missing"
    ignored = list(signed.ignored)
    if own.resolve().is_relative_to(place.resolve()):
        ignored.append(own.resolve().relative_to(place.resolve()).as_posix())
    try:
        there = listed(place, ignored)
        for name in there:
            if name not in stated:
                return f"{show(name)} is there, and was not signed"
        for name in stated:
            if name not in there:
                return f"{show(name)} was signed, and is left out here"
            if sha256_file(place / name) != stated[name]:
                return f"{show(name)} has other bytes"
    except InputError as error:
        return f"{error.asked}: {error.found}"
    return None if [*stated] == there else "its files are listed in another order"
