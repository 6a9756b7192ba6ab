"""What `certify attest` does: the check, then the signatures, then the file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.attestation.attested import attest, is_attestation
from certify.attestation.keys import open_to_others, read_private
from certify.attestation.manifest import Manifest, manifest, require_text
from certify.attestation.on_disk import DIGITS
from certify.attestation.statement import subjects_of
from certify.attestation.summary import Summary
from certify.check.run import Result, Usage
from certify.cli.attesting.derived import Asked, derive, require_model_in, summary_of, timestamp
from certify.cli.attesting.words import derived_words
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
    keys = [read_private(path, signing.password) for path in signing.keys]
    if len({key.public.keyid for key in keys}) < len(keys):
        raise InputError("--key", "one key is given twice", "give each once")
    _require_place(signing)
    require_text(asked.certificate.name, f"certificate {asked.certificate}")
    require_uri(signing.evaluator)
    try:
        result, digest = derive(asked, tell)
        found = summary_of(asked, result, digest, _folder(folder, ignored, signing, result, tell), timestamp())
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
    return Signed(one_line(f"signed by {', '.join(one[:DIGITS] for one in keyids)}: {derived_words(found)}"),
                  members(found, keyids) | {"attestation": str(signing.path)}, tuple(map(one_line, notes)),
                  found.status)


def refused(error: Invalid) -> Signed:
    """What is printed where something is invalid: as `certify check` prints it."""
    return Signed(one_line(f"invalid {error}"), {
        "format": "certify-attestation/1", "verdict": "invalid", "where": error.where, "claimed": error.claimed,
        "found": error.found}, (), INVALID)


def members(found: Summary, keyids: list[str]) -> dict[str, Any]:
    """The members of `--json` that signing and verifying share."""
    return {"format": "certify-attestation/1", "verdict": str(found.verdict), "gates": str(found.gates),
            "keyids": keyids, "subjects": [one.model_dump() for one in subjects_of(found)],
            "summary": found.as_json()}


def _folder(folder: Path | None, ignored: tuple[str, ...], signing: Signing, result: Result,
            tell: Callable[[str], None]) -> Manifest | None:
    """The folder that is a subject, without the signed file that comes to lie in it."""
    own = signing.path
    if folder is None:
        if ignored:
            raise InputError("--ignore", "no folder is signed", "give --folder too, or leave it out")
        return None
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


def require_uri(text: str) -> None:
    """Refuse what is no URI.

    Raises:
        InputError: it is none.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,2000}", text) is None:
        raise InputError(f"--evaluator {text[:80]}", "it is no URI", "give one such as https://example.org/team")


def _require_place(signing: Signing) -> None:
    """Refuse to write over anything but an earlier attestation."""
    from certify.certificate.write import require_folder

    require_folder(signing.path.parent, (signing.path.name,))
    if os.path.lexists(signing.path) and not is_attestation(signing.path):
        raise InputError(f"-o {signing.path}", "a file that is no attestation lies there", "name another file with -o")
