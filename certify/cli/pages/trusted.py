"""`certify report CERT --trusted`: the checker, in a process of its own, and the page of what its verdict rests on."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from certify.check.verdicts import INVALID
from certify.format.errors import CertificateError

if TYPE_CHECKING:
    from certify.report.trust.page import Checked

NAME = "trust.md"


def trusted(certificate: Path, output: Path | None) -> tuple[Path, bytes]:
    """Where the page goes, and its bytes.

    Raises:
        CertificateError: the checker refuses the certificate, or it changed in the meantime.
    """
    from certify.certificate import read_certificate
    from certify.report.trust.page import render

    before = read_certificate(certificate)
    checked = checked_by_itself(certificate)
    if read_certificate(certificate) != before:
        raise CertificateError(str(certificate), "it changed while it was checked", "ask again")
    return output or certificate.parent / NAME, render(before, checked).encode("utf-8")


def checked_by_itself(certificate: Path) -> Checked:
    """Run the checker in a process of its own, so that what it loads is what this certificate needs.

    The page says that no proof depends on a random draw: the checker is told to draw nothing.

    Raises:
        CertificateError: it refuses the certificate.
    """
    from certify.report.trust.page import Checked

    command = [sys.executable, "-m", "certify.check", "--trusted", "--exact", "--json", "--quiet", "--",
               str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    told = done.stderr.strip().splitlines() or [f"the checker ended with status {done.returncode}"]
    if done.returncode not in (0, 3, 4):
        said = told[-1] if done.returncode == INVALID else "the checker ended before its verdict"
        raise CertificateError(str(certificate), f"the checker does not accept it: {said}",
                               "run `certify check` on it; no page is written")
    found = json.loads(done.stdout)["trusted"]
    rings = tuple((ring["ring"], len(ring["files"]), ring["lines"]) for ring in found["rings"])
    return Checked(told[-1], rings, _programs())


def _programs() -> tuple[str, ...]:
    """What the checker ran on."""
    import flint

    library = f"python-flint {version('python-flint')} with FLINT {flint.__FLINT_VERSION__}"
    return (f"{library}: ball arithmetic, exact integers",
            f"Python {platform.python_version()}: the interpreter, json, tomllib, csv, hashlib, zlib, fractions")
