"""The files that an audit was given: whether they are still those that its spec was made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from certify.certificate.audit_folder import JSON, SPEC, recorded
from certify.format.errors import InputError
from certify.spec.models import About, Spec
from certify.spec.sources import sha256_file

UP: Final = 2
"""How many folders above that of the spec are looked into, as `certify check` does."""

ROLES: Final = ("model", "data", "evaluation")


def require_originals(spec: Spec, path: Path, copies: bool, tell: Callable[[str], None]) -> None:
    """Refuse a spec whose files were made from others that have changed since; say so where these are not found.

    A spec of `certify audit` may name files that the audit wrote, made from a model and data that somebody gave.
    Training anew changes those, and not what the spec names, so that an old answer would be given of a new model.

    Args:
        spec: with a table `about`, or nothing is looked for.
        path: of the spec.
        copies: whether somebody wants the answer about the files of the spec, whatever became of the others.
        tell: told in words what was not compared.

    Raises:
        InputError: a file of that name is there, and it is another one; or a copy is not what the audit wrote.
    """
    if spec.about is None:
        return
    _require_copies(spec, path)
    own = {one.resolve() for one in _named(spec, path.parent)}
    missing: list[str] = []
    for role, name, digest in _given(spec.about):
        found = _places(path.parent, name, own)
        other = next((one for one in found if sha256_file(one) != digest), None)
        if other is not None and not copies:
            raise InputError(
                f"spec {path}", f"its {role} file was made from {name}, and {_seen(other)} is another file now",
                "audit anew: certify audit … --min QUANTITY=NUMBER holds what is there now to your threshold; or give "
                "--copies for the answer about the files that the spec names, as they were")
        if not found or other is not None:
            missing.append(name)
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        why = "though others of that name may be here now" if copies else "not found here to compare"
        tell(f"the answer is about what the audit made of {names}, {why}")


def _require_copies(spec: Spec, path: Path) -> None:
    """Refuse files that an audit wrote and that have changed since: they were made from nothing that the spec names.

    Raises:
        InputError: the first one.
    """
    for file in (one.resolve() for one in _named(spec, path.parent)):
        digest = recorded(file)
        if digest is not None and file.is_file() and sha256_file(file) != digest:
            raise InputError(f"spec {path}", f"{_seen(file)} was changed since the audit wrote it, so that it is no "
                             "longer made from the files that the spec states", "put the file back, or audit anew")


def _given(about: About) -> Iterator[tuple[str, str, str]]:
    """Role, name and digest of each file that somebody gave."""
    for role, made in zip(ROLES, (about.model, about.data, about.evaluation), strict=True):
        if made is not None:
            yield role, made.name, made.sha256


def _named(spec: Spec, folder: Path) -> Iterator[Path]:
    """The files that the spec names."""
    files = (spec.model.file, spec.data.file, None if spec.evaluation is None else spec.evaluation.file)
    return (folder / file for file in files if file is not None)


def _places(folder: Path, name: str, own: Collection[Path]) -> list[Path]:
    """The file of that name beside the spec, or in the nearest folder above it, or else all in folders beside these.

    The folder of the process is one of them where the spec lies below it, as it does where an audit began; its own
    folders are looked into, but for those that hold an audit, with its copies.
    """
    place, here = folder.resolve(), Path.cwd()
    below = [here] if place.is_relative_to(here) else []
    near = _there([place, *place.parents[:UP], *below], name, own)
    return near[:1] or _there((one for top in below for one in _folders(top)), name, own)


def _there(folders: Iterable[Path], name: str, own: Collection[Path]) -> list[Path]:
    return [one / name for one in folders if (one / name).is_file() and (one / name).resolve() not in own]


def _folders(top: Path) -> list[Path]:
    """Folders in a folder, without hidden ones and audits."""
    try:
        inside = sorted(one for one in top.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []
    return [one for one in inside if not (one / JSON).exists() and not (one / SPEC).exists()]


def _seen(path: Path) -> Path:
    """A path as it is seen from the folder of the process."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
