"""`certify baseline update CERT`: from now on gates over time compare with this certificate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from certify.cli.app import app, interruptible

UPDATE = "update"


@app.command()
@interruptible
def baseline(
    action: Annotated[str, typer.Argument(metavar="update", help="What to do: update.")],
    certificate: Annotated[Path, typer.Argument(metavar="CERT", help="A certificate that `certify check` accepts.")],
    file: Annotated[Path | None, typer.Option(
        "--baseline", metavar="FILE", help="The baseline (default: baseline.json beside the spec that CERT binds).")
    ] = None,
) -> None:
    """Let a certificate be the baseline of `certify run --baseline` from now on, and say what changes.

    It is checked first, from the original files; one that does not check is refused, and the old baseline stays. A
    certificate that checks is taken whatever its verdict is: this is how a loss is accepted. Nothing else writes a
    baseline.
    """
    from certify.cli.text import one_line
    from certify.format.errors import SpecError
    from certify.gating.update import update

    if action != UPDATE:
        raise SpecError(f"baseline {action}", "there is no such action", f"use certify baseline {UPDATE} CERT")
    found = update(certificate, file, _require_checked)
    for line in found.lines:
        print(one_line(line))
    if found.written:
        print(one_line(f"wrote {found.path}"), file=sys.stderr)
    else:
        print(one_line(f"{found.path} is this certificate already"), file=sys.stderr)


def _require_checked(certificate: Path) -> None:
    """Refuse a certificate that `certify check` does not accept.

    Raises:
        CertificateError: why.
    """
    from certify.check.main import ROLES
    from certify.check.run import check
    from certify.format.errors import CertificateError
    from certify.format.refusal import Invalid

    try:
        check(certificate, dict.fromkeys(ROLES))
    except Invalid as error:
        raise CertificateError(f"certificate {certificate}", f"certify check does not accept it: {error}",
                               "prove it again with certify run, beside the files that it is about") from None
