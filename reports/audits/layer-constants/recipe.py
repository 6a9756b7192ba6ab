"""Make `first-60.npz`: the first 60 rows of reports/audits/breast-cancer, decided in advance.

    python reports/audits/layer-constants/recipe.py

Compensation needs a layer with as many inputs as there are rows, and the layers of that network have 64.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

ROWS = 60


def main() -> int:
    with np.load(HERE.parent / "breast-cancer" / "train.npz") as file:
        data = training.npz_bytes(X=file["X"][:ROWS], y=file["y"][:ROWS])
    (HERE / "first-60.npz").write_bytes(data)
    training.say(f"first-60.npz: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
