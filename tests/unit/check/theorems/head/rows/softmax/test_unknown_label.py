"""An evaluation row whose label today is not proved: asked about by a forged certificate, it is refused, in words."""

from __future__ import annotations

from collections import Counter

from tests.containment.heads_rows_run import head


def test_a_point_on_a_tie_is_refused() -> None:
    """The problem on which doubles of pushes were looked up for no class."""
    tally: Counter[str] = Counter()
    findings: list[str] = []
    head(5003, 14, tally, findings)
    assert findings == [] and tally["softmax_box asked"] > 0
