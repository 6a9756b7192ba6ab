"""How the checker says no: one exception, raised at the first bad step, that quotes both sides."""

from __future__ import annotations


class Invalid(Exception):  # noqa: N818 — a result of checking, not a defect of the program
    """The certificate, or a file it names, does not check.

    Args:
        where: the file or the member of the certificate at fault.
        claimed: what stands there.
        found: what the checker requires or recomputed.

    >>> str(Invalid("digest", "sha256:aa", "the bytes give sha256:bb"))
    'digest: sha256:aa, but the bytes give sha256:bb'
    """

    def __init__(self, where: str, claimed: str, found: str) -> None:
        self.where, self.claimed, self.found = where, claimed, found
        super().__init__(f"{where}: {claimed}, but {found}")


class Usage(Exception):  # noqa: N818 — a wrong command line is not a verdict on the certificate
    """The command line asks for something that cannot be done."""
