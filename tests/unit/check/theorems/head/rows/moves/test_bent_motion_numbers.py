"""One box of all choices (D24): what leaves no number bounds no motion."""

from __future__ import annotations

import pytest

from tests.families.huge_shares import accepted, moved


@pytest.mark.parametrize("share", [2.0**1004, 2.0**1005, 2.0**1005.4])
def test_a_share_next_to_infinite_proves_no_motion_to_be_small(share: float) -> None:
    """Times a gradient of 0 it left no number, which an order passes by: no output was said to move at all."""
    assert moved() > 2.0**-11
    assert not accepted(0.0, share)


def test_the_same_box_is_taken_with_an_ordinary_share() -> None:
    assert accepted(2.0, 2.0**7) and not accepted(float(moved()), 2.0**7)
