"""Verbs and options of gates over time, suppressions and the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Baseline = Annotated[Path | None, typer.Option(
    "--baseline", metavar="CERT", help="Certificate of an earlier model: for gates with max_increase, max_decrease.")]
Suppressions = Annotated[Path | None, typer.Option(
    "--suppressions", metavar="FILE", help="Gates that somebody answers for until a day: they do not count (TOML).")]
OnInconclusive = Annotated[str, typer.Option(
    "--on-inconclusive", metavar="WORD", help="fail (default): open gates give status 4; warn, pass: they give 0.")]
Cache = Annotated[Path | None, typer.Option(
    "--cache", metavar="DIR", help="Keep proofs here, and take them from here while no byte and no version changes.")]
Copies = Annotated[bool, typer.Option(
    "--copies", help="Answer about the files that an audit wrote, though those that it was given have changed.")]
"""Options of `certify run`, each with its help."""
