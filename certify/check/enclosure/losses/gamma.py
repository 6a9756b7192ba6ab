"""Known of heads whose rows change as a whole, alone."""

from certify.check.enclosure.losses.of_heads import LOSS

__all__ = ["LOSS"]
