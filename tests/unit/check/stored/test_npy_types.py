"""Arrays on disk of types that are no numbers: refused, however many axes they have."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from certify.check.reading.certificate import FileRecord
from certify.check.stored.npy import stored
from certify.format.refusal import Invalid


@pytest.mark.parametrize(("array", "axes", "said"), [
    (np.ones(3), 1, True), (np.ones((3, 2), np.float32), 2, True), (np.array(["a", "bc"]), 1, True),
    (np.ones(3, np.complex128), 1, False), (np.array([b"a", b"b"]), 1, False),
    (np.array([["a", "b"]]), 2, False), (np.ones((3, 2), np.complex64), 2, False),
])
def test_only_numbers_and_columns_of_words_are_read(tmp_path, array, axes, said):
    path = tmp_path / "some.npy"
    np.save(path, array)
    data = path.read_bytes()
    record = FileRecord("some.npy", sha256(data).hexdigest(), len(data))
    if said:
        assert stored(path, "data", record, axes).shape == array.shape
        return
    with pytest.raises(Invalid, match="numbers are of type"):
        stored(path, "data", record, axes)
