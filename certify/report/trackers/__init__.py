"""Trackers of experiments, one a file: ends of claims as metrics, verdicts as tags, files as artefacts."""

from __future__ import annotations

from certify.report.trackers.mlflow import log_to_mlflow
from certify.report.trackers.wandb import log_to_wandb

__all__ = ["log_to_mlflow", "log_to_wandb"]
