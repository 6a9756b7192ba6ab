"""Certificates about rows that stay on disk: their format, and the words in them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

FORMAT: Final = "certify-rows/1"
"""What the member `format` says."""

ROLES: Final = ("data", "evaluation", "labels", "model")
"""The files that such a certificate binds."""

WITNESS: Final = "witness"
"""One more, where the theorem starts from numbers that are only proposed."""

QUANTITY: Final = "stable_predictions"

THEOREMS: Final = MappingProxyType({
    "squared": MappingProxyType({"labels": "D3", "deletions": "D4"}),
    "logistic": MappingProxyType({"labels": "D14", "deletions": "D14"})})
"""By the loss, and by what may happen to rows: what proves it."""

DONE: Final = MappingProxyType({"labels": "labels changed", "deletions": "rows deleted"})
"""By what may happen to rows: in words."""

NAMED: Final = MappingProxyType({"D3": False, "D4": True, "D14": True})
"""By the theorem: whether the certificate names rows for what it flips; the checker finds others itself."""

BESIDE: Final = MappingProxyType({"D3": False, "D4": False, "D14": True})
"""By the theorem: whether there is a witness file."""

CLASSES: Final = MappingProxyType({"squared": 2**31, "logistic": 2})
"""By the loss: classes at most."""

DELETES: Final = MappingProxyType({"labels": False, "deletions": True})
"""By what may happen to rows: whether they go."""

FREE: Final = MappingProxyType({"none": None, "free": True, "decayed": False})
"""By the word for the intercept: whether it carries no decay; None: there is none."""


def change_words(change: str, count: int, rows: int) -> str:
    """What may happen to the rows.

    >>> change_words("labels", 10, 60000)
    'any 10 of 60000 labels changed'
    """
    return f"any {count} of {rows} {DONE[change]}"
