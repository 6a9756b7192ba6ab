"""The folder of kept proofs: what is looked up before a run, and what is kept after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.certificate.build import gate_member
from certify.certificate.write import write_together
from certify.format.errors import CertifyError, InputError
from certify.format.words import Verdict
from certify.gating.cache.entry import LARGEST, Entry, Refused, packed, read
from certify.gating.cache.key import Key

if TYPE_CHECKING:
    from certify.spec.models import Gate

Json = Mapping[str, Any]
Tell = Callable[[str], None]

SUFFIX: Final = ".certify"
"""Of the name of an entry, which is its key."""


def require_cache(folder: Path) -> None:
    """Refuse a cache that is no folder.

    Raises:
        InputError: a file stands there.
    """
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise InputError(f"cache {folder}", "not a folder", "name a folder with --cache")


def find(folder: Path, key: Key, gates: Sequence[Gate], warn: Tell) -> Entry | None:
    """The kept proof of a run, or None; an entry that is not what was kept is refused with a warning.

    Args:
        folder: the cache.
        key: of the run.
        gates: of its spec.
        warn: told why an entry is refused.
    """
    path = folder / f"{key.mark}{SUFFIX}"
    thresholds = [(str(gate.quantity), None if gate.held is None else gate_member(gate)) for gate in gates]
    try:
        return read(path, key, thresholds)
    except Refused as why:
        warn(f"the cache entry {path} is refused, and the proof is made again: {why}")
        return None


def keep(folder: Path, key: Key, entry: Entry, warn: Tell) -> bool:
    """Keep a proof; say why not where it is not kept.

    Args:
        folder: the cache.
        key: of the run, made before it.
        entry: what was proved.
        warn: told why it is not kept.
    """
    why = _against(key, entry)
    if not why:
        content = packed(key, entry)
        try:
            if len(content) <= LARGEST:
                _replace(folder / f"{key.mark}{SUFFIX}", content)
            else:
                why = f"it has more than {LARGEST} bytes"
        except (CertifyError, OSError) as error:
            why = str(error)
    if why:
        warn(f"not kept in the cache: {why}")
    return not why


def _replace(path: Path, content: bytes) -> None:
    """Write an entry whole; what is refused at its place, a link included, is replaced and never written through."""
    if path.is_dir() and not path.is_symlink():
        raise InputError(f"cache entry {path}", "a folder stands there", "remove it")
    write_together({path: content})


def _against(key: Key, entry: Entry) -> str:
    """Why a proof is not kept; empty where nothing speaks against it."""
    subject = {role: file for role, file in entry.certificate["subject"].items() if role != "witness"}
    if subject != key.subject:
        return "the run read other files than its spec names, or a file changed meanwhile"
    if any(claim["verdict"] == Verdict.INCONCLUSIVE for claim in entry.certificate["claims"]):
        return "something is open, which more time or memory may decide"
    return ""
