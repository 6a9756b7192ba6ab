"""What `certify attest` does: the check, then the signatures, then the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from certify.attestation.attested import attest, why_kept
from certify.attestation.keys import PrivateKey, open_to_others, read_all_private
from certify.attestation.manifest import Manifest, manifest
from certify.attestation.on_disk import DIGITS
from certify.attestation.statement import subjects_of
from certify.attestation.summary import Summary
from certify.check.run import Result, Usage
from certify.cli.attesting.checked import Asked, checked, names_of, require_model_in, summary_of, timestamp
from certify.cli.attesting.words import found_words
from certify.cli.text import one_line
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.format.words import INVALID


@dataclass(frozen=True)
class Signing:
    """Who signs, and where to.

    Attributes:
        keys: files of private keys.
        password: file of their password.
        path: of the signed file.
        form: `dsse` or `bundle`.
        evaluator, assurance: what the signer says of itself, for eval-result.
    """

    keys: tuple[Path, ...]
    password: Path | None
    path: Path
    form: str
    evaluator: str
    assurance: str


@dataclass(frozen=True)
class Signed:
    """What came of it: what is printed, and the exit status."""

    line: str
    members: dict[str, Any]
    notes: tuple[str, ...]
    status: int

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return self.members


def sign(asked: Asked, signing: Signing, folder: Path | None, ignored: tuple[str, ...],
         tell: Callable[[str], None]) -> Signed:
    """Check, sign and write; where the checker refuses nothing is written.

    Raises:
        InputError: a key, the folder or the place of the file is not as it has to be.
    """
    keys = read_all_private(signing.keys, signing.password)
    if len({key.public.keyid for key in keys}) < len(keys):
        raise InputError("--key", "one key is given twice", "give each once")
    _require_place(signing.path, keys)
    require_uri(signing.evaluator)
    try:
        result, digest = checked(asked, tell)
        if result.chosen is not None and result.chosen.unasked:
            raise InputError("attest", "; ".join(result.chosen.lines), "nothing is signed that nobody asked for")
        listed = _folder(folder, ignored, signing, result, tell)
        found = summary_of(asked, result, digest, names_of(asked, result, digest, folder, listed), listed,
                           timestamp())
    except Usage as error:
        raise InputError("attest", str(error), "leave it out, or ask about what the certificate claims") from None
    except Invalid as error:
        return refused(error)
    content = attest(found, keys, signing.evaluator, signing.assurance, signing.form)
    from certify.certificate.write import write_together

    write_together({signing.path: content})
    keyids = [key.public.keyid for key in keys]
    notes = [f"attestation {signing.path}"]
    notes += [f"caution: other users of this machine may read {path}" for path in signing.keys if open_to_others(path)]
    if result.over is not None:  # they compare with a baseline that somebody else keeps
        notes.append("not signed: what gates over time made of a baseline, which certify check --baseline looks at")
    return Signed(one_line(f"signed by {', '.join(one[:DIGITS] for one in keyids)}: {found_words(found)}"),
                  members(found, found, keyids) | {"attestation": str(signing.path)}, tuple(map(one_line, notes)),
                  found.status)


def refused(error: Invalid) -> Signed:
    """What is printed where something is invalid: as `certify check` prints it."""
    return Signed(one_line(f"invalid {error}"), {
        "format": "certify-attestation/1", "verdict": "invalid", "where": error.where, "claimed": error.claimed,
        "found": error.found}, (), INVALID)


def members(judged: Summary, signed: Summary, keyids: list[str]) -> dict[str, Any]:
    """The members of `--json` that signing and verifying share: under the thresholds that count, and as signed."""
    return {"format": "certify-attestation/1", "verdict": str(judged.verdict), "gates": str(judged.gates),
            "claims": judged.as_json()["claims"], "keyids": keyids,
            "subjects": [one.model_dump() for one in subjects_of(signed)], "summary": signed.as_json()}


def _folder(folder: Path | None, ignored: tuple[str, ...], signing: Signing, result: Result,
            tell: Callable[[str], None]) -> Manifest | None:
    """The folder that is a subject, without the signed file that comes to lie in it."""
    own = signing.path
    if folder is None:
        if ignored:
            raise InputError("--ignore", "no folder is signed", "give --folder too, or leave it out")
        return None
    for name in ignored:
        require_inside(folder, name)
    own = own.parent.resolve() / own.name
    inside = (own.relative_to(folder.resolve()).as_posix(),) if own.is_relative_to(folder.resolve()) else ()
    found = manifest(folder, (*ignored, *inside))
    require_model_in(found, result)
    there = {(folder / name).resolve() for name, _ in found.files}
    for path in signing.keys:
        if path.resolve() in there:
            raise InputError(f"--folder {folder}", f"the private key {path.name} lies in it", "move the key out of it, "
                             "or whoever gets the folder gets the key")
    tell(f"{len(found.files)} files in {folder} have the digest {found.sha256[:DIGITS]}, as model-signing's")
    return found


def require_inside(folder: Path, ignored: str) -> None:
    """Refuse a path to be left out of a folder that is not in it: a slip of the pen would leave nothing out.

    Raises:
        InputError: it is absolute, leads out of the folder, or nothing lies there.
    """
    path = PurePosixPath(ignored)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InputError(f"--ignore {ignored}", "it is no path below the folder", "name it from the folder on")
    if "\0" in ignored or not os.path.lexists(folder / path):
        raise InputError(f"--ignore {ignored}", f"there is no such file or folder in {folder}", "leave it out")


def require_uri(text: str) -> None:
    """Refuse what is no URI.

    Raises:
        InputError: it is none.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,2000}", text) is None:
        raise InputError(f"--evaluator {text[:80]}", "it is no URI", "give one such as https://example.org/team")


def _require_place(path: Path, keys: Sequence[PrivateKey]) -> None:
    """Refuse to write over anything but an attestation by these keys alone."""
    from certify.certificate.write import require_folder

    require_folder(path.parent, (path.name,))
    if os.path.lexists(path) and (why := why_kept(path, [key.public for key in keys])) is not None:
        raise InputError(f"-o {path}", why, "name another file with -o")
