"""What a spec states that it was made from: what stands before its features, and files. Nothing of it is proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from certify.check.reading.files import LARGEST
from certify.check.reading.sections.about import FILES
from certify.format.canonical import Json, show

DIGITS, UP, AT_ONCE = 12, 2, 1 << 20
"""Digits of a digest that are shown; how many folders above those of the files are looked into; bytes read at once."""

BEHIND, MOST = "behind", 200
"""The key of what stands before the features, and how many characters of it are shown."""

PLAIN = re.compile(r"[\w.+-]{1,80}")
"""A name of a file that is shown as it is: any other one might go on in the words of this program."""

OTHER = "and the file of that name is another"


def lines(about: Json, files: Iterable[tuple[str, str, str]]) -> list[str]:
    """What a person is told; nothing where neither is stated.

    Args:
        about: the section of the spec.
        files: role, path and digest of those that the certificate binds.
    """
    text = " ".join(about.get(BEHIND, "").split())  # a line that blanks fill looks like the end of one
    before = [f"stated and not proved: features are as they are after {show(text, MOST)}"] if text else []
    stated = [(role, about[role]["name"], about[role]["sha256"]) for role in FILES if role in about]
    if not stated:
        return before
    folders = list(dict.fromkeys(folder for _, path, _ in files for folder in _around(Path(path))))
    there = {role: _there(name, digest, folders) for role, name, digest in stated}
    said = (f"{role} {_shown(name)} {digest[:DIGITS]}, {there[role]}" for role, name, digest in stated)
    others = dict.fromkeys(name for role, name, _ in stated if there[role] == OTHER)
    loud = [f"WARNING: {_shown(name)} here is not what was audited: the verdict is about that file as it was then, and "
            "says nothing of this one" for name in others]
    return [*loud, *before, f"stated and not proved: the files were made from {'; '.join(said)}"]


def _shown(name: str) -> str:
    """The name of a file, in quotes where it is none of letters, digits and marks that are usual.

    >>> _shown("train-2.csv"), _shown("a, which is here")
    ('train-2.csv', '"a, which is here"')
    """
    return name if PLAIN.fullmatch(name) else show(name)


def _around(path: Path) -> Iterator[Path]:
    """The folder of a file, and some above it."""
    yield from [path.resolve().parent, *path.resolve().parent.parents][: UP + 1]


def _there(name: str, digest: str, folders: list[Path]) -> str:
    """Whether a file of that name lies in one of the folders, and is the stated one."""
    found = [folder / name for folder in folders if (folder / name).is_file()]
    if not found:
        return "which is not here"
    return "which is here" if any(_digest(path) == digest for path in found) else OTHER


def _digest(path: Path) -> str:
    """SHA-256 of its bytes; empty where they cannot be read, or are more than any file that is bound may have."""
    whole = sha256()
    try:
        if path.stat().st_size > LARGEST:
            return ""
        with path.open("rb") as file:
            while part := file.read(AT_ONCE):
                whole.update(part)
    except OSError:
        return ""
    return whole.hexdigest()
