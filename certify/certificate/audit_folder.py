"""The folder of an audit: what an earlier one wrote goes, and nothing else is ever replaced.

A list of what was written, with digests, lies beside the answers. A spec, a model or data that is not on it, or that
somebody has changed since, is theirs. A file is put on the list before it is written: an audit that is killed in
between leaves nothing that the next one takes for somebody's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from certify.certificate.write import require_folder, write_together
from certify.format.errors import CertifyError, InputError
from certify.spec.sources import sha256_file

SPEC: Final = "certify.toml"
PAGE, JSON, PREDICTIONS = "audit.html", "audit.json", "predictions.csv"
MODEL, DATA, EVALUATION = "model.safetensors", "data.safetensors", "evaluation.safetensors"
GRAPH: Final = "graph.json"
NUMBERED: Final = "data.csv"
"""A copy of a table in which numbers stand for the names of groups."""
PREDICTION, ROWS = "prediction.safetensors", "rows.html"

LIST: Final = ".certify-audit.json"
DRAFT: Final = ".certify-draft.toml"
COMING: Final = ""
"""In place of a digest: the file is being written, and whatever is found there is this audit's."""
RESULTS: Final = ("certificate.json", "report.html", "witness.safetensors")
"""What `certify run` of a spec writes again, so that another digest of it is no sign of somebody's work."""
NAMING: Final = ("certificate.json", "report.html", ROWS)
"""What names other files, and goes before them."""


def begin(folder: Path, inputs: Collection[Path], writes: Mapping[Path, bytes]) -> None:
    """Take away what an earlier audit wrote into a folder, and write the first files of a new one.

    Args:
        folder: of the audit.
        inputs: files the new audit reads.
        writes: the first files of the new audit, all directly in the folder.

    Raises:
        InputError: the folder cannot be written, or a file would be lost that no audit wrote, or that is read.
    """
    require_folder(folder, (SPEC, PAGE, JSON, *RESULTS, *(path.name for path in writes)))
    known = _known(folder)
    asked = f"output folder {folder}"
    read = {path.resolve() for path in inputs}
    for name in (*known, *(path.name for path in writes), SPEC):
        if (folder / name).resolve() in read:
            raise InputError(asked, f"{name} in it is read by this audit and would be replaced",
                             "name another folder with -o")
    ours = (SPEC, PREDICTIONS, *(path.name for path in writes), *(n for n in known if Path(n).name == SPEC))
    for name in dict.fromkeys(ours):
        path, coming = folder / name, name == PREDICTIONS and known.get(name) == COMING
        if os.path.lexists(path) and not coming and not _same(path, known.get(name)):
            said = "was changed since an audit wrote it" if name in known else "was not written by an audit"
            raise InputError(asked, f"{name} in it {said}", "name another folder with -o, or move that file")
    for name in (PAGE, JSON):  # first, as they name the others
        if known:
            (folder / name).unlink(missing_ok=True)
    for name, digest in sorted(known.items(), key=lambda entry: Path(entry[0]).name not in NAMING):
        path = folder / name
        if path.name in (*RESULTS, DRAFT) or digest == COMING or _same(path, digest):
            path.unlink(missing_ok=True)
    for place in {(folder / name).parent for name in known} - {folder}:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    written = {path.name: hashlib.sha256(content).hexdigest() for path, content in writes.items()}
    write_together({folder / LIST: _listed(written), **writes})


def require_free(path: Path) -> None:
    """Refuse to write where a file is: what audits wrote was taken away when this one began.

    Raises:
        InputError: there is one.
    """
    if os.path.lexists(path):
        raise InputError(f"output folder {path.parent}", f"{path.name} in it was not written by an audit",
                         "name another folder with -o, or move that file")


def announce(folder: Path, names: Collection[str], contents: Mapping[Path, bytes] | None = None) -> None:
    """Add files to the list before they are written.

    Args:
        folder: of the audit.
        names: places in it where a file may come of which no more is known; none is there now.
        contents: files whose bytes are known.
    """
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(content).hexdigest()
               for path, content in (contents or {}).items()}
    write_together({folder / LIST: _listed({**_known(folder), **dict.fromkeys(names, COMING), **digests})})


def remember(folder: Path, names: Collection[str]) -> None:
    """Add files, by their places in the folder of an audit, to the list of what it wrote; what is not there goes."""
    found = {name: sha256_file(folder / name) for name in names if (folder / name).is_file()}
    others = {name: digest for name, digest in _known(folder).items() if name not in names}
    write_together({folder / LIST: _listed({**others, **found})})


def recorded(path: Path) -> str | None:
    """The digest that an audit kept of a file when it wrote it, into its folder or one in it; None where none did."""
    for folder in (path.parent, path.parent.parent):
        digest = _known(folder).get(path.relative_to(folder).as_posix(), COMING)
        if digest != COMING:
            return digest
    return None


def _listed(written: Mapping[str, str]) -> bytes:
    return (json.dumps({"written": written}, indent=1) + "\n").encode()


def _known(folder: Path) -> Mapping[str, str]:
    """The list; nothing where there is none, or one that no audit wrote."""
    try:
        written = json.loads((folder / LIST).read_bytes())["written"]
        return {name: digest for name, digest in written.items()
                if isinstance(digest, str) and _inside(name) and not _leads_away(folder / name, folder)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _inside(name: str) -> bool:
    parts = Path(name).parts
    return 0 < len(parts) <= 2 and ".." not in parts and not Path(name).is_absolute()


def _leads_away(path: Path, folder: Path) -> bool:
    """Whether a folder of an answer is a link, which may lead to somebody's files."""
    return path.parent != folder and path.parent.is_symlink()


def _same(path: Path, digest: str | None) -> bool:
    try:
        return digest is not None and path.is_file() and not path.is_symlink() and sha256_file(path) == digest
    except CertifyError:
        return False
