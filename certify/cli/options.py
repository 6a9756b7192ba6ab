"""Options that verbs share, and more of an audit: what somebody says of the training, and what has to hold."""

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
Threshold = Annotated[float | None, typer.Option(
    "--threshold", metavar="T", help="What parts two labels of a real output; of a logistic model in log-odds (0.3 is "
    "probability 0.574).")]
Probability = Annotated[float | None, typer.Option(
    "--probability", metavar="P", help="The same of a logistic model, from 0 to 1.")]
Least = Annotated[list[str], typer.Option(
    "--min", metavar="QUANTITY=X", help="Your threshold, e.g. stable_predictions=48 or =95%: status 3 where it is not "
    "met, 4 where it is open. Again for more.")]
Most = Annotated[list[str], typer.Option("--max", metavar="QUANTITY=X", help="The same, from above.")]
Jobs = Annotated[int, typer.Option(
    "--jobs", parser=whole, metavar="N", help="Processes that share the work on predictions under changed rows (-1: as "
    "many as processors). What is proved stays the same; each takes memory of its own.")]
Weights = Annotated[str | None, typer.Option(
    "--weights", metavar="NAME", help="Array or column: what rows counted in training (sample_weight).")]
Level = Annotated[float | None, typer.Option(
    "--level", metavar="X", help="Training loss that noise must not exceed (default: today's and a tenth more, or 1 % "
    "of that of a constant prediction more, whichever is larger).")]
TargetsOff = Annotated[str | None, typer.Option(
    "--targets-off", metavar="R", help="Every training target may be off by R, or by 2% of itself (squared loss).")]
Groups = Annotated[str | None, typer.Option(
    "--groups", metavar="NAME", help="Array or column: whose each row is, for --ask '3 users deleted'.")]
"""Each with its help; a verb names them by these types."""
