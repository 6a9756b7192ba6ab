"""A rank as torchrun starts it: `python rank_of_torch.py FOLDER`, with RANK and the like in the environment.

Prints a line of JSON for each question: the answer, or the error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeClassifier

import certify
from certify.format.errors import CertifyError
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.ranks import serving


def main(folder: Path) -> None:
    rank, stored.AT_ONCE = int(os.environ["RANK"]), 1
    with np.load(folder / "asked.npz") as arrays:
        X, y, X_eval = arrays["X"], arrays["y"], arrays["X_eval"]
    model = RidgeClassifier().fit(X, y)

    def ask(*names: str, **asked: int) -> None:
        started = time.monotonic()
        try:
            found = certify.stored_predictions(model, folder / names[rank], y, X_eval, **asked, ranks="torchrun").json()
        except CertifyError as error:
            found = f"{type(error).__name__}: {error}"
        print(json.dumps([found, time.monotonic() - started]), flush=True)

    ask("rows.npy", "rows.npy", delete=3)
    ask("rows.npy", "copy.npy", relabel=4)
    ask("rows.npy", "other.npy", delete=3)
    ask("rows.npy", "short.npy", delete=3)
    ask("rows.npy", "rows.npy", delete=3 + rank)
    ask("bad.npy", "bad.npy", delete=3)
    if rank:  # killed where it reads the rows for the second time
        kept, count = serving.read, [0]

        def killed(*given: object) -> None:
            count[0] += 1
            if count[0] == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            kept(*given)

        serving.read = killed
    ask("rows.npy", "rows.npy", delete=3)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
