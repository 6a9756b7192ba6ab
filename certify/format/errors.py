"""Errors of `certify`: each says in one line what was asked, what was found and what to do.

They mark misuse and bad input. A proof that does not go through is not an error: it is the verdict
`inconclusive`, carried by :class:`certify.problem.bound.Bound`.
"""

from __future__ import annotations


class CertifyError(Exception):
    r"""Base of all errors raised on purpose by `certify`.

    Args:
        asked: the call, key or file concerned.
        found: what was there instead of what is needed.
        remedy: what the user can do.

    >>> str(CertifyError("gate 1", "max and min are both missing", "give one of them"))
    'gate 1: max and min are both missing; give one of them'
    >>> print(CertifyError("file", chr(10), "mend it"))
    file: \n; mend it
    """

    def __init__(self, asked: str, found: str, remedy: str) -> None:
        self.asked, self.found, self.remedy = asked, found, remedy
        # names from files and of files may hold anything, also line breaks and escape codes
        text = f"{asked}: {found}; {remedy}"
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


class SpecError(CertifyError):
    """The spec file is malformed, contradictory, or asks for something that is not built."""


class InputError(CertifyError, ValueError):
    """A model, data or array argument is malformed, non-finite or not exactly representable."""


class MissingPackage(CertifyError, ImportError):
    """A package that only this needs is not installed."""


class EnclosureError(CertifyError):
    """A rigorous kernel cannot return an enclosure for this input (overflow, too large a radius)."""

    @property
    def reason(self) -> str:
        """Why a bound is open, as one clause.

        >>> EnclosureError("unit 2 of layer 1", "its input may be 0", "leave that row out").reason
        'its input may be 0 (unit 2 of layer 1): leave that row out'
        """
        return f"{self.found} ({self.asked}): {self.remedy}"


class ProcessLost(CertifyError):
    """One of several processes ended without its answer: nothing is known of what it was asked."""


class CertificateError(CertifyError):
    """A certificate is malformed or does not belong to the files it names."""


class EnvironmentRefused(CertifyError):
    """The floating-point environment failed the self-test, so nothing can be proved here."""
