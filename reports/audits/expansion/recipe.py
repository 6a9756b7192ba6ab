"""Write `data.npz`: the first 40 rows of `breast-cancer/train.npz`, and one change of them, drawn once.

Rows, seed, length and window were fixed before anything was proved.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROWS, SEED = 40, 0

if __name__ == "__main__":
    X = np.load(HERE.parent / "breast-cancer" / "train.npz")["X"][:ROWS]
    u = np.random.default_rng(SEED).standard_normal(X.shape)
    np.savez(HERE / "data.npz", X=X, u=u / np.linalg.norm(u))
