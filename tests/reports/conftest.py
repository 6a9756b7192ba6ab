"""Scripts of the reports set torch's default type, for themselves alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """Other tests of the process draw their networks in the type that torch begins with."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_default_dtype(torch.float32)
