"""`python reports/studies/demonstration/doses.py`: how many turned labels until the gate fails (recorded/doses.csv)."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
import recipe
import steps

DOSES: Final = (0, 1, 2, 3, 5, 8, 13, 21)


def proved(release: recipe.Release, folder: Path) -> tuple[float, dict[str, Any]]:
    """Accuracy on the trusted rows, and the claims of a release."""
    accuracy = recipe.write(release, folder)
    env = dict(os.environ) | {"PYTHONPATH": str(steps.ROOT)}
    subprocess.run([sys.executable, "-m", "certify", "run", "certify.toml", "-o", "out", "-q"], cwd=folder, env=env,
                   check=False, stdout=subprocess.DEVNULL)
    claims = json.loads((folder / "out" / "certificate.json").read_bytes())["claims"]
    return accuracy, {claim["quantity"]: claim for claim in claims}


def main() -> None:
    """The rows the model is surest of first, as in the recipe; more and more of them."""
    today = recipe.improved(recipe.first())
    sure = recipe.fitted(today).decision_function(today.X)
    order = [row for row in sure.argsort(kind="stable") if today.y[row] == 0.0]
    with tempfile.TemporaryDirectory() as folder, (Path(__file__).parent / "recorded" / "doses.csv").open(
            "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("turned", "accuracy", "correct_at_least", "correct_at_most", "stay_at_least", "stay_at_most"))
        for dose in DOSES:
            y = today.y.copy()
            y[order[:dose]] = 1.0
            accuracy, claims = proved(replace(today, y=y), Path(folder))
            ends = [int(claims[name][end]) for name in ("correct_predictions", "stable_predictions")
                    for end in ("lower", "upper")]
            writer.writerow((dose, f"{accuracy:.4f}", *ends))
            print(dose, f"{accuracy:.4f}", *ends, flush=True)


if __name__ == "__main__":
    main()
