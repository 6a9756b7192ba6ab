"""The table in `reports/studies/readers/` is what its script prints, with the torch and scikit-learn that made it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "reports" / "studies" / "readers"


def test_the_table_is_what_the_script_prints(tmp_path, monkeypatch):
    for package, version in (("torch", "2.13."), ("scikit-learn", "1.9."), ("onnxscript", "")):
        try:
            if not importlib.metadata.version(package).startswith(version):
                pytest.skip(f"the table was made with {package} {version}")
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"writing the files needs {package}")
    spec = importlib.util.spec_from_file_location("reader_table", FOLDER / "table.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.chdir(tmp_path)
    lines = list(script.rows([]))
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(lines) >= 12 and not list(tmp_path.iterdir())
    assert [line for line in lines if f"{line}\n" not in text] == []
