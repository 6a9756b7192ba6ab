"""The digest of a folder: the one under which OpenSSF model-signing 1.x signs it, so that the two can be joined.

Every file has its SHA-256. The folder has the SHA-256 of these digests (32 bytes each), in the order of the files'
paths, part by part. Names of files are not hashed by that rule; they stand in the list of files. Left out are what
belongs to git, and paths that the caller names. Links are refused, as model-signing refuses them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from certify.format.errors import InputError
from certify.spec.sources import sha256_file

GIT = (".git", ".gitattributes", ".github", ".gitignore")
"""What model-signing leaves out unasked."""

MOST = 100_000
"""Files of one folder, at most."""

REMEDY = "name a folder of plain files"


@dataclass(frozen=True)
class Manifest:
    """The files of a folder with their digests.

    Attributes:
        name: of the folder.
        files: path below the folder and SHA-256 of each file, in order.
        ignored: what was left out beside git's files, relative to the folder.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The digest of the folder."""
        return root(digest for _, digest in self.files)


def root(digests: Iterable[str]) -> str:
    """SHA-256 of digests, one after the other.

    >>> root([]) == hashlib.sha256().hexdigest()
    True
    """
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()


def in_order(paths: Iterable[str]) -> list[str]:
    """Paths in the order of their parts.

    >>> in_order(["a-b/x", "a/y", "a.z"])
    ['a/y', 'a-b/x', 'a.z']
    """
    return sorted(paths, key=lambda path: PurePosixPath(path).parts)


def manifest(folder: Path, ignored: Iterable[str] = ()) -> Manifest:
    """Hash every file of a folder.

    Args:
        folder: the folder.
        ignored: paths in it to leave out, with all below them.

    Raises:
        InputError: it is no folder, holds no file, a link, or what is neither file nor folder, or cannot be read.
    """
    left_out = tuple(dict.fromkeys(PurePosixPath(path).as_posix() for path in ignored))
    asked = f"folder {folder}"
    for name in (folder.resolve().name, *left_out):
        require_text(name, asked)
    files = tuple((name, sha256_file(folder / name, "folder's")) for name in listed(folder, left_out))
    return Manifest(folder.resolve().name or "_", files, left_out)


def listed(folder: Path, ignored: Iterable[str] = ()) -> list[str]:
    """The files of a folder, as paths below it, in the order in which their digests are hashed.

    Raises:
        InputError: as :func:`manifest`.
    """
    asked = f"folder {folder}"
    if not folder.is_dir():
        raise InputError(asked, "there is no such folder", REMEDY)
    found: list[str] = []
    for path in _walk(folder, {PurePosixPath(path) for path in (*GIT, *ignored)}, asked):
        found.append(path.relative_to(folder).as_posix())
        require_text(found[-1], asked)
        if len(found) > MOST:
            raise InputError(asked, f"more than {MOST} files", REMEDY)
    if not found:
        raise InputError(asked, "it holds no file", REMEDY)
    return in_order(found)


def _walk(folder: Path, leave: set[PurePosixPath], asked: str) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(asked, f"it cannot be read ({error.strerror})", REMEDY)

    for place, folders, files in os.walk(folder, onerror=refuse):
        here = Path(place)
        folders[:] = [name for name in folders if PurePosixPath((here / name).relative_to(folder)) not in leave]
        for name in (*folders, *files):
            path = here / name
            if PurePosixPath(path.relative_to(folder)) in leave:
                continue
            if path.is_symlink():
                raise InputError(asked, f"{name} in it is a link", "put the file itself there, or leave it out with "
                                 "--ignore")
            if name in files and not path.is_file():
                raise InputError(asked, f"{name} in it is no plain file", REMEDY)
        yield from (here / name for name in files if PurePosixPath((here / name).relative_to(folder)) not in leave)


def require_text(name: str, asked: str) -> None:
    """Refuse a name whose bytes are no UTF-8: JSON has no spelling of it.

    Raises:
        InputError: it is one.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(asked, f"the name {name!r} is not UTF-8", "rename the file") from None
