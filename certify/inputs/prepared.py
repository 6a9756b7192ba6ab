"""What is done to a user's rows before the network of a problem, where it reads them itself."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Reads(Protocol):
    """A preparation that takes rows in the user's own form and shape, such as images or entries of an embedding."""

    def given(self, X: Any, name: str) -> np.ndarray:
        """Rows `(N, d)` as the network takes them.

        Args:
            X: rows in any form it reads.
            name: what to call them in messages.
        """
