"""Log a certificate to the active run of MLflow, wherever its store is: a folder serves without any network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from certify.report.trackers.logged import Logged, logged, package, require

LONGEST: Final = 4999
"""Characters of a tag's value; servers of MLflow take 5000."""


def log_to_mlflow(certificate: str | Path, folder: str = "certify", step: int | None = None) -> Logged:
    """Log both ends of every claim as metrics, verdicts as tags, and the certificate's files as artefacts.

    Args:
        certificate: a ``certificate.json``.
        folder: of the artefacts.
        step: of the metrics, as MLflow takes it.

    Returns:
        What was logged: ``modulus.lower``, ``modulus.upper``, ``modulus.verdict`` and their like.

    Raises:
        MissingPackage: mlflow (or mlflow-skinny) is not installed.
        InputError: no run is active, or the certificate cannot be read.
        CertificateError: it is damaged; then nothing is logged.
    """
    mlflow = package("mlflow", "mlflow-skinny")
    found = logged(certificate)
    require(mlflow.active_run() is not None, "log to mlflow", "no run is active",
            "log inside `with mlflow.start_run():`")
    mlflow.log_metrics(dict(found.metrics), step=step)
    mlflow.set_tags({name: value if len(value) <= LONGEST else f"{value[:LONGEST - 1]}…"
                     for name, value in found.tags.items()})
    for path in found.files:
        mlflow.log_artifact(str(path), folder)
    return found
