"""Three ordinary models converge with default options, as their report says: what was damped is said."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[3] / "reports" / "estimates" / "ordinary"


@pytest.fixture(scope="module")
def models():
    """The recipe, imported as a script of its folder is."""
    before = sys.modules.pop("models", None)  # another report has one of this name
    sys.path.insert(0, str(FOLDER))
    try:
        import models

        yield models
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("models", None)
        if before is not None:
            sys.modules["models"] = before


def table(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return {(line["model"], line["base"]): line for line in csv.DictReader(file)}


def test_the_page_says_what_was_measured():
    page, before, after = (FOLDER / "README.md").read_text("utf-8"), table("before.csv"), table("after.csv")
    assert set(before) == set(after) and len(after) == 6
    for (model, base), line in after.items():
        assert line["converged"] == "converged" and float(line["residual"]) <= 0.01
        assert before[model, base]["converged"] == "budget used up"
        row = next(row for row in page.splitlines() if row.startswith(f"| `{model}` | {base} |"))
        was, _, now, damping, without = (float(cell) for cell in row.split("|")[3:8])
        assert (was, now) == (float(before[model, base]["residual"]), float(line["residual"]))
        assert (damping, without) == (float(line["damping"]), float(line["undamped_residual"]))


@pytest.mark.parametrize("name", ["batchnorm", pytest.param("cnn", marks=pytest.mark.long)])
def test_it_converges_untouched(models, name):
    import certify

    module, X, y = models.trained(name)
    model = models.MODELS[name]
    problem = certify.Problem.from_module(module, X, y, loss=model.loss, weight_decay=model.penalty)
    heard = []
    found = certify.estimate(problem, -np.ones(5), rows=models.DELETED, parameter="sample_weights",
                             first=heard.append)
    assert found.ended == "converged" and found.residual <= 0.01 and not found.failure
    assert found.system.chosen and found.system.undamped > 0.1 and "damping" in found.status
    assert len(heard) == 1 and heard[0].residual <= 0.01
    kept = certify.estimate(problem, -np.ones(5), rows=models.DELETED, parameter="sample_weights", damping=0)
    assert kept.residual > 0.5 and kept.failure and kept.status.startswith("failed")
