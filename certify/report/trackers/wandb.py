"""Log a certificate to the active run of Weights & Biases; with ``WANDB_MODE=offline`` nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path

from certify.report.trackers.logged import Logged, logged, package, require


def log_to_wandb(certificate: str | Path, name: str = "certificate", step: int | None = None) -> Logged:
    """Log both ends of every claim as metrics, verdicts in the summary, and the certificate's files as an artefact.

    Args:
        certificate: a ``certificate.json``.
        name: of the artefact, which has the type ``certificate``.
        step: of the metrics, as W&B takes it.

    Returns:
        What was logged: ``modulus.lower``, ``modulus.upper``, ``modulus.verdict`` and their like.

    Raises:
        MissingPackage: wandb is not installed.
        InputError: no run is active, or the certificate cannot be read.
        CertificateError: it is damaged; then nothing is logged.
    """
    wandb = package("wandb", "wandb")
    found = logged(certificate)
    run = wandb.run
    require(run is not None, "log to wandb", "no run is active", "call wandb.init(…) first; mode=\"offline\" serves")
    run.log(dict(found.metrics), step=step)
    run.summary.update(dict(found.tags))
    artefact = wandb.Artifact(name, type="certificate", metadata=dict(found.tags))
    for path in found.files:
        artefact.add_file(str(path), name=path.name)
    run.log_artifact(artefact)
    return found
