"""What ranks may ask each other for, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from certify.systems.head.rows.stored.normal import Normal, Products, Squares
from certify.systems.head.rows.stored.ranks.digests import Digests
from certify.systems.head.rows.stored.ranks.reading import Made
from certify.theorems.head.rows.classes.pairs import Pairs
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.classes.stepped import Stepped
from certify.theorems.head.rows.lengths.curved import Curved
from certify.theorems.head.rows.lengths.kept import Kept
from certify.theorems.head.rows.lengths.pulled import Pulled
from certify.theorems.head.rows.lengths.taken import Taken
from certify.theorems.head.rows.squared.streamed.crossed import Crossed
from certify.theorems.head.rows.squared.streamed.drops import Drops
from certify.theorems.head.rows.squared.streamed.influences import Influences
from certify.theorems.head.rows.squared.streamed.own import Own
from certify.theorems.head.rows.squared.streamed.stretched import Stretched

_TASKS: Final[tuple[Made, ...]] = (Squares, Normal, Products, Stretched, Influences, Drops, Digests, Curved, Pulled,
                                   Kept, Taken, Pairs, Each, Stepped, Own, Crossed)

TASKS: Final = MappingProxyType({made.__name__: made for made in _TASKS})
