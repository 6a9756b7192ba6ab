"""Options that `certify attest` and `certify verify` share, and what they mean to the checker."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certify.cli.app import decimal
from certify.format.errors import InputError

if TYPE_CHECKING:
    from certify.check.reading.spec import Gate


def _file(role: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(
        f"--{role}", metavar="FILE", help=f"The {role} file (default: as recorded, or beside the certificate).")
    return found


Model = Annotated[Path | None, _file("model")]
Graph = Annotated[Path | None, _file("graph")]
Data = Annotated[Path | None, _file("data")]
Reference = Annotated[Path | None, _file("reference")]
Change = Annotated[Path | None, _file("change")]
Evaluation = Annotated[Path | None, _file("evaluation")]
Witness = Annotated[Path | None, _file("witness")]
Most = Annotated[list[str] | None, typer.Option(
    "--max", metavar="QUANTITY=VALUE", help="Hold the claim against it instead of the spec's gates. Again for more.")]
Least = Annotated[list[str] | None, typer.Option("--min", metavar="QUANTITY=VALUE", help="The same, from below.")]
YourMost = Annotated[list[str] | None, typer.Option(
    "--max", metavar="QUANTITY=VALUE", help="Your threshold on a quantity, instead of the signer's. Again for more.")]
YourLeast = Annotated[list[str] | None, typer.Option("--min", metavar="QUANTITY=VALUE", help="The same, from below.")]
Within = Annotated[float | None, typer.Option(
    "--within", parser=decimal, metavar="SHARE", help="Cap on the distance of a solution nearby, not the spec's.")]
Merged = Annotated[bool, typer.Option("--merge-duplicates", help="Equal rows may count as one.")]
WeightTilt = Annotated[bool, typer.Option("--weight-tilt", help="The loss may be tilted in weight space.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")]
"""Each with its help; a verb names them by these types."""


def gates(most: Sequence[str] | None, least: Sequence[str] | None) -> tuple[Gate, ...]:
    """The thresholds of the command line.

    Raises:
        InputError: one is no threshold.
    """
    from certify.check.main import threshold_of

    found = []
    for side, values in (("max", most), ("min", least)):
        for value in values or ():
            try:
                found.append(threshold_of(side)(value))
            except argparse.ArgumentTypeError as error:
                raise InputError(f"--{side} {value}", str(error), "give QUANTITY=VALUE") from None
    return tuple(found)


def require_share(within: float | None) -> None:
    """Refuse a cap that is not above 0.

    Raises:
        InputError: it is not.
    """
    if within is not None and not 0 < within < float("inf"):
        raise InputError("--within", repr(within), "give a finite number above 0")


def teller(quiet: bool) -> Callable[[str], None]:
    """What says lines of progress on standard error."""
    from certify.cli.text import one_line

    start = time.perf_counter()

    def tell(line: str) -> None:
        if not quiet:
            print(f"{time.perf_counter() - start:6.1f} s  {one_line(line)}", file=sys.stderr, flush=True)

    return tell
