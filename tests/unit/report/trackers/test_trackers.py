"""MLflow and Weights & Biases, each for real where it is installed: what they hold is what the certificate says."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from certify.cli.main import main
from certify.format.errors import CertificateError, InputError, MissingPackage
from certify.report.trackers import log_to_mlflow, log_to_wandb
from certify.report.trackers.logged import logged
from tests.families.small import SPEC, gate, write


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """A certificate of three gates, two of them on one quantity."""
    folder = tmp_path_factory.mktemp("proved")
    spec = write(folder, SPEC + gate(max=1e6) + gate(max=1e-6, severity="warn") + gate("sample_modulus", max=1e6))
    assert main(["run", str(spec), "-q"]) == 0
    return folder / "certificate.json"


def test_both_ends_and_the_verdict_of_every_claim(proved):
    content, found = json.loads(proved.read_bytes()), logged(proved)
    names = ("modulus", "modulus.2", "sample_modulus")
    assert set(found.metrics) == {f"{name}.{end}" for name in names for end in ("lower", "upper")}
    for name, claim in zip(names, content["claims"], strict=True):
        assert (found.metrics[f"{name}.lower"], found.metrics[f"{name}.upper"]) == (claim["lower"], claim["upper"])
        assert found.tags[f"{name}.verdict"] == claim["verdict"]
        assert found.tags[f"{name}.gate"] == claim["gate"]["state"]
    assert found.tags["certify.certificate"] == content["digest"]
    assert [path.name for path in found.files] == ["certificate.json", "report.html"]


def test_an_end_that_is_not_proved_is_left_out(tmp_path):
    spec = write(tmp_path, SPEC + gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n")
    assert main(["run", str(spec), "-q"]) == 4
    found = logged(tmp_path / "certificate.json")
    assert found.metrics == {} and found.tags["modulus.verdict"] == "inconclusive" == found.tags["certify.verdict"]
    assert found.tags["modulus.gate"] == "open"


def test_a_page_of_another_certificate_is_not_logged_with_it(proved, tmp_path):
    shutil.copy(proved, tmp_path)
    (tmp_path / "report.html").write_text("<html>another</html>")
    (tmp_path / "witness.safetensors").write_bytes(b"another")
    assert [path.name for path in logged(tmp_path / "certificate.json").files] == ["certificate.json"]


@pytest.mark.parametrize("log", [log_to_mlflow, log_to_wandb])
def test_a_tracker_that_is_not_installed_is_named(log, proved, monkeypatch):
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackage, match="pip install"):
        log(proved)


def damaged(proved: Path, folder: Path) -> Path:
    folder.mkdir()
    text = proved.read_text(encoding="utf-8").replace('"certified"', '"refuted"', 1)
    (folder / "certificate.json").write_text(text, encoding="utf-8")
    return folder / "certificate.json"


def test_mlflow_holds_what_the_certificate_says(proved, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    with pytest.raises(InputError, match="no run is active"):
        log_to_mlflow(proved)
    with mlflow.start_run() as run:
        with pytest.raises(CertificateError):
            log_to_mlflow(damaged(proved, tmp_path / "damaged"))
        assert mlflow.get_run(run.info.run_id).data.metrics == {}
        found = log_to_mlflow(proved, step=3)
    held = mlflow.get_run(run.info.run_id)
    assert held.data.metrics == dict(found.metrics)
    assert found.tags.items() <= held.data.tags.items()
    kept = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="certify"))
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in found.files}


def test_wandb_holds_what_the_certificate_says(proved, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "DIR": tmp_path, "CACHE_DIR": tmp_path / "cache", "SILENT": "true",
                        "DATA_DIR": tmp_path / "data", "CONFIG_DIR": tmp_path / "config"}.items():
        monkeypatch.setenv(f"WANDB_{name}", str(value))
    with pytest.raises(InputError, match="no run is active"):
        log_to_wandb(proved)
    with wandb.init(project="certify") as run:
        with pytest.raises(CertificateError):
            log_to_wandb(damaged(proved, tmp_path / "damaged"))
        found = log_to_wandb(proved)
        held = dict(run.summary)
    assert {name: held[name] for name in found.metrics} == dict(found.metrics)
    assert {name: held[name] for name in found.tags} == dict(found.tags)
    wandb.teardown()  # writes what is still held back
    (log,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    recorded = log.read_bytes()
    assert b"modulus.lower" in recorded and b"certificate.json" in recorded
