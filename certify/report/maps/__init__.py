"""The solution maps in words, one a file."""

from __future__ import annotations

from typing import Final

from certify.report.maps.critical import Critical
from certify.report.maps.interpolation import Interpolation
from certify.report.maps.solution_map import SolutionMap
from certify.report.maps.sublevel import Sublevel

MAPS: Final[dict[str, SolutionMap]] = {
    "interpolation": Interpolation(), "critical": Critical(), "sublevel": Sublevel(),
}
"""Every solution map by its word."""
