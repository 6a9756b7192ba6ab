"""A column of text is of integers where every field is one and doubles hold it, and of numbers otherwise."""

from __future__ import annotations

import pytest

from certify.check.reading.formats.table import Table


@pytest.mark.parametrize(("fields", "kind"), [
    (("1", "0", "-3"), "i"), (("1", "0.5", "2"), "f"), (("0.5", "0.25", "0.125"), "f"), (("1.0", "2.0", "3.0"), "f"),
    (("1e0", "2", "3"), "f"), (("9007199254740992", "0", "1"), "i"), (("9007199254740994", "0", "1"), "f")])
def test_integers_and_numbers(fields, kind):
    found = Table("\n".join(["a", *fields, ""]).encode(), "data file").column("a")
    assert found.kind == kind and found.values == tuple(map(float, fields))
