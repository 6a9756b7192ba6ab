"""The files that a spec is written about, by what a folder holds, and where the spec itself goes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from certify.format.errors import InputError

TABLES: Final = (".npz", ".csv", ".parquet")
"""Endings of data files that are looked for."""

NEW: Final = ("new", "eval", "evaluation", "test", "val", "valid", "validation", "holdout")
"""What files of rows to predict are called, without their ending."""

_OURS: Final = ("witness.safetensors", "new_parameters.safetensors")
"""Files that `certify` itself writes beside a spec."""


def only_file(folder: Path, endings: tuple[str, ...], role: str) -> Path:
    """The one file of these formats in a folder; of data the one that is not called as rows to predict are.

    Raises:
        InputError: none, or several.
    """
    from certify.spec.vocabulary import FOREIGN

    if not folder.is_dir():
        raise InputError(f"init {folder}", "there is no such folder", "name the folder that holds model and data, or "
                         "give them with --model FILE and --data FILE: then it is made")
    there = sorted(path for path in folder.glob("*") if path.is_file())
    found = [path for path in there if path.suffix.lower() in endings and path.name not in _OURS]
    free = [path for path in found if role != "data" or path.stem.lower() not in NEW]
    if len(found) == 1 or len(free) == 1:  # new.npz beside train.npz holds the rows to predict
        return (free or found)[0]
    asked, option = f"init {folder}", f"name one with --{role} FILE"
    if found:
        raise InputError(asked, f"{len(found)} files could be the {role}: {_some(found)}", option)
    foreign = next((path for path in there if role == "model" and path.suffix.lower() in FOREIGN), None)
    more = "" if foreign is None or foreign.suffix.lower() == ".npz" else f"; of {foreign.name}: " + FOREIGN[
        foreign.suffix.lower()]
    others = f"the files there are {_some(there)}" if there else "it holds no file"
    raise InputError(asked, f"no {role} file ({', '.join(endings)}); {others}", option + more)


def rows_to_predict(model: Path, data: Path) -> Path | None:
    """The one file beside the data that is called as rows to predict are; None where there is none.

    Raises:
        InputError: several.
    """
    known = {model.resolve(), data.resolve()}
    found = sorted(path for path in data.parent.glob("*") if path.is_file() and path.suffix.lower() in TABLES
                   and path.stem.lower() in NEW and path.resolve() not in known)
    if len(found) > 1:
        raise InputError(f"init beside {data.name}", f"{len(found)} files could be the rows to predict: {_some(found)}",
                         f"name one with --ask WORDS --eval FILE, {data.name} itself for the training rows")
    return found[0] if found else None


def require_place(path: Path, force: bool) -> None:
    """Refuse to write over a spec, unless somebody said so.

    Raises:
        InputError: there is one.
    """
    if path.exists() and not force:
        raise InputError(f"init {path}", "there is one already", "edit it, move it away, or add --force to replace it")


def put(path: Path, text: str, force: bool) -> None:
    """Write a spec, whole or not at all, and the folder it goes to.

    Raises:
        InputError: there is one already, or it cannot be written.
    """
    from certify.certificate.write import write_together

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"init {path.parent}", f"no folder can be made there ({error.strerror})",
                         "name another folder") from None
    if force:
        write_together({path: text.encode()})
        return
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        require_place(path, force)
    except OSError as error:
        raise InputError(f"init {path}", f"cannot be written ({error.strerror})", "name another folder") from None


def _some(paths: list[Path], most: int = 8) -> str:
    more = f", … ({len(paths)} in all)" if len(paths) > most else ""
    return ", ".join(path.name for path in paths[:most]) + more
