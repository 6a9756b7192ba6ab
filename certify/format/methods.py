"""The methods by which a prediction is proved to stay under changed rows, and what a certificate says of each point."""

from __future__ import annotations

from typing import Final

METHODS: Final = ("squared_labels", "squared_deletions", "enumeration", "box", "box_tree", "energy", "cells",
                  "softmax_box", "every_choice", "softmax_tree", "new_rows", "squared_tree", "pair_tree",
                  "squared_aside", "softmax_pairs", "by_choice", "softmax_labels", "by_counts",
                  "group_tree", "label_sums", "bent_box", "both_squared", "separate_boxes", "both_pairs")
"""In the order of their numbers, which never change; a new one is added at the end."""

UNCHECKED: Final = ("softmax_by_choice", "step_sums", "softmax_two_labels", "softmax_sums",
                    "softmax_three_labels", "label_triples", "pair_table", "deleted_triples", "squared_by_counts",
                    "squared_relabelled", "both_sums", "both_refits", "separate_bent", "softmax_steps")
"""Methods that have no checker: no certificate states what they prove."""

ANY_SIZE: Final = ("enumeration", "every_choice", "squared_labels", "squared_tree", "squared_aside",
                   "squared_deletions", "squared_by_counts", "squared_relabelled", "both_squared")
"""Methods for numbers of every size: in balls, in whole numbers without an end, or with all else left to these. The
others have bounds in doubles, between whose least number and 0 there is none."""

LEAST, MOST = 2.0**-300, 2.0**300
"""Those are for heads each of whose numbers is 0 or lies between these, some 1e-90 and 1e90."""

OPEN, FLIPPED, FIRST, BEYOND = 0, 1, 2, 1000
"""Status of a point: nothing is known; a change flips it; this and more: it stays, by the method of the rest;
from BEYOND methods on by one without a checker."""


def status_of(method: str) -> int:
    """The status of a point that stays by a method.

    >>> status_of("enumeration")
    4

    Methods without a checker have numbers that stand in no certificate.

    >>> status_of("softmax_by_choice") < 0
    False
    """
    return FIRST + (METHODS.index(method) if method in METHODS else BEYOND + UNCHECKED.index(method))
