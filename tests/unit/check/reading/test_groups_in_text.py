"""Numbers of groups in a table: two that the nearest doubles do not tell apart are not silently one group."""

from __future__ import annotations

import pytest

from certify.check.reading.formats.table import Table
from certify.check.reading.optional.row_kind import _groups
from certify.check.reading.spec import Spec
from certify.format.refusal import Invalid


def groups(*users: str) -> tuple[tuple[int, ...], ...]:
    """The groups of rows by their numbers."""
    spec = Spec.__new__(Spec)
    object.__setattr__(spec, "data", "train.csv")
    return _groups("\n".join(("user,y", *(f"{user},1" for user in users), "")).encode(), spec, "user", "data",
                   len(users))


def test_groups_that_doubles_tell_apart():
    assert groups("7", "8", "07", "7.0", "80e-1") == ((0, 2, 3), (1, 4))
    assert groups("9007199254740992", "9007199254740994") == ((0,), (1,))


@pytest.mark.parametrize("one", [("9007199254740992", "9007199254740993"), ("0.1", "0.10000000000000000001"),
                                 ("0", "1e-400"), ("0", "1e-9999999999999999999999")])
def test_numbers_that_become_one_double_are_refused(one: tuple[str, str]):
    with pytest.raises(Invalid, match="same double"):
        groups("5", *one)
    assert len(Table("\n".join(("user", *one, "")).encode(), "data").column("user").values) == 2  # as a feature it may
