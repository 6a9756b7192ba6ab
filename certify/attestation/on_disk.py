"""What was signed, held against files: subjects and inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from certify.attestation.manifest import listed, sha256_of
from certify.attestation.summary import File, Folder, Summary
from certify.format.canonical import show
from certify.format.errors import InputError
from certify.format.refusal import Invalid

DIGITS = 12
"""Hexadecimal digits of a digest that are printed."""


@dataclass(frozen=True)
class Compared:
    """Which files had the digests that were signed.

    Attributes:
        same: by what they are for; all of them are as they were.
        missing: what was not found, and so not compared.
    """

    same: tuple[str, ...]
    missing: tuple[str, ...]


def places(name: str, folders: Iterable[Path]) -> list[Path]:
    """Where a signed name may lie: as a certificate in that folder would record it, or by its last part alone.

    >>> places("../x.npz", [Path("a")]), places("/etc/x", [Path("a")])
    ([PosixPath('a/../x.npz'), PosixPath('a/x.npz')], [PosixPath('a/x')])
    """
    path = PurePosixPath(name)
    if "\0" in name or path.name in ("", ".."):
        return []
    recorded = [] if path.is_absolute() or len(path.parts) == 1 else [path]
    return [folder / one for folder in folders for one in (*recorded, PurePosixPath(path.name))]


def compare(summary: Summary, folders: Iterable[Path], own: Path) -> Compared:
    """Hold files against the digests that were signed.

    Args:
        summary: what was signed.
        folders: where files are looked for; of two files the first counts.
        own: the signed file itself, which is no part of a folder that is a subject.

    Raises:
        Invalid: a file has other bytes, or the model, or a folder that is a subject, is nowhere.
    """
    folders = list(folders)
    found, missing = [], []
    for one in summary.inputs:
        path = next((place for place in places(one.name, folders) if place.is_file()), None)
        if path is not None:
            where = f"{one.role} file {show(str(path))}"
            require_digest(one, _digest(path, where), where)
            found.append(f"{one.role} {path}")
        elif one.role == "model":
            raise Invalid(f"subject {show(one.name)}", "it was signed", f"it is in none of {_words(folders)}")
        else:
            missing.append(f"{one.role} {one.name}")
    if summary.folder is not None:
        found.append(f"folder {_folder(summary.folder, folders, own)}")
    return Compared(tuple(found), tuple(missing))


def _words(folders: list[Path]) -> str:
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
        return sha256_of(path, where)
    except InputError as error:
        raise Invalid(where, "its digest was signed", error.found) from None


def _folder(signed: Folder, folders: list[Path], own: Path) -> Path:
    """The folder that is a subject: one of those named, or of its name in one of them.

    Raises:
        Invalid: none of them holds the files that were signed.
    """
    first: Invalid | None = None
    for place in (place for folder in folders for place in (folder, folder / signed.name)):
        if not any((place / one.name).is_file() for one in signed.resources):
            continue
        wrong = _difference(signed, place, own)
        if wrong is None:
            return place
        first = first or Invalid(f"folder {show(str(place))}", f"{show(signed.name)} was signed", wrong)
    raise first or Invalid(f"subject {show(signed.name)}", "it was signed", f"it is in none of {_words(folders)}")


def _difference(signed: Folder, place: Path, own: Path) -> str | None:
    """The first file that is missing, new or another; None where there is none. Names first: they cost little."""
    stated = {one.name: one.digest.sha256 for one in signed.resources}
    if len(stated) < len(signed.resources):
        return "a file is listed twice"
    missing = next((name for name in stated if "\0" in name or not (place / name).is_file()), None)
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
            if sha256_of(place / name, "") != stated[name]:
                return f"{show(name)} has other bytes"
    except InputError as error:
        return error.found
    return None if [*stated] == there else "its files are listed in another order"
