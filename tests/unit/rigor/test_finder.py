"""A search that fails proposes nothing, and others go on; what no search may raise is not hidden."""

from __future__ import annotations

import numpy as np
import pytest

from certify.rigor.finder import proposed


def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("error", [MemoryError(), np.linalg.LinAlgError("singular"), FloatingPointError("overflow")])
def test_a_search_that_fails_proposes_nothing(error: Exception) -> None:
    assert proposed(lambda: raising(error)) is None


@pytest.mark.parametrize("error", [KeyError("a mistake in the code"), KeyboardInterrupt()])
def test_mistakes_and_interrupts_are_heard(error: BaseException) -> None:
    with pytest.raises(type(error)):
        proposed(lambda: raising(error))
