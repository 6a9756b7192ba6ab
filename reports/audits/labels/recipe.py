"""Write the change of the data: the standardised features of breast-cancer rounded to three decimals.

    python reports/audits/labels/recipe.py

`u = round(X, 3) − X` in float64, by row; `x_i + u_i`, which the claim is about, is a number with three decimals up to
one rounding of u (below 2e-19). The labels' rows are the training rows themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


def main() -> None:
    with np.load(HERE.parent / "breast-cancer" / "train.npz") as data:
        X = data["X"]
    np.savez(HERE / "breast-cancer-rounded" / "rounded.npz", u=np.round(X, 3) - X)


if __name__ == "__main__":
    main()
