"""Options that several verbs share: what somebody says of the training, and how many processes work, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.app import whole

Activation = Annotated[
    str | None, typer.Option("--activation", metavar="WORD", help="Between the layers, as trained.")]
Loss = Annotated[str | None, typer.Option("--loss", metavar="WORD", help="The one it was trained with.")]
WeightDecay = Annotated[
    float | None, typer.Option("--weight-decay", metavar="X", help="A penalty X/2 times |w|^2 in that loss.")]
NoBiasDecay = Annotated[bool, typer.Option("--no-bias-decay", help="Biases carry none of it.")]
Normalization = Annotated[str | None, typer.Option(
    "--normalization", metavar="WORD", help="fixed (default), or remaining: with rows left out.")]
Graph = Annotated[Path | None, typer.Option(
    "--graph", metavar="FILE", help="A graph of `certify graph`: it describes the model.")]
Evaluation = Annotated[Path | None, typer.Option(
    "--eval", metavar="FILE", help="Rows to predict (default: the training rows).")]
Jobs = Annotated[int, typer.Option(
    "--jobs", parser=whole, metavar="N", help="Processes that share the work on predictions under changed rows (-1: as "
    "many as processors). What is proved stays the same; each takes memory of its own.")]
"""Each with its help; a verb names them by these types."""
