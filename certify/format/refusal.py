"""How a strict reader says no: it quotes what stands there and what is needed."""

from __future__ import annotations


class Invalid(Exception):  # noqa: N818 — a result of checking, not a defect of the program
    """A certificate, or a file it names, is not as the format demands.

    Args:
        where: the file or the member at fault.
        claimed: what stands there.
        found: what is needed, or was computed again.

    >>> str(Invalid("digest", "sha256:aa", "the bytes give sha256:bb"))
    'digest: sha256:aa, but the bytes give sha256:bb'
    """

    def __init__(self, where: str, claimed: str, found: str) -> None:
        self.where, self.claimed, self.found = where, claimed, found
        super().__init__(f"{where}: {claimed}, but {found}")
