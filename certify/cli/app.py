"""The command line itself, and what its verbs share: numbers as they are written, and Ctrl-C."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Prove, refute or leave open how far a trained network's solution set moves when its training data moves.",
    epilog="Exit status: 0 gates met, 3 a gate failed, 4 a gate is open or, without gates, nothing was proved (polish: "
           "no critical point reached), 5 an estimate's system was not solved, 2 usage or invalid input, 130 Ctrl-C.",
)


def _version(asked: bool) -> None:
    if asked:
        from certify._version import __version__

        typer.echo(f"certify {__version__}")
        raise typer.Exit


def whole(text: str) -> int:
    """A whole number in plain digits; Python would also read `1_0`."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", str(text)) is None:
        raise typer.BadParameter(f"{text!r} is not a whole number in digits")
    return int(text)


def decimal(text: str) -> float:
    """A decimal number; Python would also read `1_0`, `nan` and digits of other scripts."""
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", str(text)) is None:
        raise typer.BadParameter(f"{text!r} is not a decimal number")
    return float(text)


class Interrupted(BaseException):
    """Ctrl-C, on its way past typer, whose versions differ in what they make of it."""


P = ParamSpec("P")


def interruptible(verb: Callable[P, None]) -> Callable[P, None]:
    """A verb whose Ctrl-C typer does not see."""

    @functools.wraps(verb)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted from None

    return wrapped


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options before the verb."""
