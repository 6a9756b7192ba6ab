"""`certify verify`: the signatures of a file, what was signed, files on disk, and on request the whole check again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from certify.cli.app import app, interruptible
from certify.cli.attesting.options import Json, Quiet, YourLeast, YourMost, gates, teller
from certify.format.errors import InputError


@app.command()
@interruptible
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `certify attest` wrote.")],
    folders: Annotated[list[Path] | None, typer.Argument(
        metavar="[DIR]...", help="Where the model is, and data may be (default: by FILE or --certificate).")] = None,
    key: Annotated[list[Path] | None, typer.Option(
        "--key", metavar="FILE", help="A public key that you trust, PEM. Of several all must have signed.")] = None,
    certificate: Annotated[Path | None, typer.Option(
        "--certificate", metavar="CERT", help="The certificate (default: by its name, where it lies there).")] = None,
    most: YourMost = None, least: YourLeast = None,
    recheck: Annotated[bool, typer.Option(
        "--recheck", help="Run the check again, with your copy of certify, on your files.")] = False,
    signature_only: Annotated[bool, typer.Option(
        "--signature-only", help="Look at no file but this one.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Verify what `certify attest` signed, with a key that you trust, against the model and data that you have.

    The status is that of the verdict that was signed, or under your thresholds (--max, --min) of theirs, as that of
    `certify check`; 2 where anything does not hold. It never says that model or data are genuine.
    """
    if not key:
        raise InputError("verify", "no public key", "give --key FILE; a key is never taken from the signed file")
    if signature_only and (recheck or folders or certificate is not None):
        raise InputError("--signature-only", "other files are named too", "leave out one of the two")
    from certify.attestation.judged import Demand
    from certify.cli.attesting.verifying import Wanted, verified

    for folder in folders or ():
        if not folder.is_dir():
            raise InputError(f"DIR {folder}", "it is a file" if folder.is_file() else "there is no such folder",
                             "name the folder that the model lies in")
    beside = [*([] if folders else [file.parent]), *([] if certificate is None else [certificate.parent])]
    demands = tuple(Demand(gate.side, gate.quantity, gate.value) for gate in gates(most, least))
    wanted = Wanted(file, tuple(key), tuple(folders or ()), tuple(beside), certificate, demands, recheck,
                    signature_only)
    found = verified(wanted, teller(quiet))
    print(json.dumps(found.as_json(), allow_nan=False) if as_json else found.line)
    sys.stdout.flush()
    if not quiet:
        for words in found.notes:
            print(words, file=sys.stderr)
    raise typer.Exit(found.status)
