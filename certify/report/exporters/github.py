"""Set a certificate as GitHub's workflow commands: printed by a step they become annotations of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify.format.words import State
from certify.report.exporters.exporter import Exporter, placed
from certify.report.exporters.outcomes import Outcome, outcomes

Json = Mapping[str, Any]


def render(certificate: Json, folder: str = "") -> str:
    """Return a command a claim: an error, a warning or a notice, at the spec.

    A gate that decides the exit status and is not met is an error, any other that is not met a warning.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        folder: where it lies, as seen from where the reader is.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    spec = placed(folder, certificate["subject"]["spec"]["path"])
    every = outcomes(certificate)
    return "".join(_command(one, spec, every.said(one)) + "\n" for one in every.claims)


def _command(one: Outcome, spec: str, said: str) -> str:
    level = "notice" if one.state is State.MET else "error" if one.decides else "warning"
    return f"::{level} file={_property(spec)},line=1,title={_property('certify: ' + one.asked)}::" \
           f"{_data(said)}"


def _data(text: str) -> str:
    r"""A message in which nothing ends the command.

    >>> _data("50 %" + chr(10) + "::error::x")
    '50 %25%0A::error::x'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value between commas.

    >>> _property("a,b: c")
    'a%2Cb%3A c'
    """
    return _data(text).replace(":", "%3A").replace(",", "%2C")


EXPORTER = Exporter("github", ".txt", "text/plain", render, places=True)
