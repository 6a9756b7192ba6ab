"""Verbs and options of gates over time, suppressions and the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Baseline = Annotated[Path | None, typer.Option(
    "--baseline", metavar="CERT", help="Certificate of an earlier model: for gates with max_increase, max_decrease.")]
"""Options of `certify run`, each with its help."""
