"""All forgeries, by name."""

from __future__ import annotations

from tests.forgeries import chosen, named, newer, readings, told

FORGERIES = {row.name: row for part in (chosen, named, told, readings, newer) for row in part.ROWS}
