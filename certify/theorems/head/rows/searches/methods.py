"""The methods by which predictions are proved to stay: a row each, in the order in which they are tried.

A new method is a file of its own, a row here, and its name in :mod:`certify.format.methods`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.format.methods import UNCHECKED

_SUMS, _ALL, _ONE_BY_ONE = "sums of influences", "one bound of all choices", "choices one by one"
_SINGLES, _REFITS, _TREE = "sums of single refits", "a refit for each choice", "a tree over the rows that pull most"
_PAIRS, _LOST = "rows two by two", "where a label would be lost"

WAYS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "group_tree": ("group_tree.method:GroupTrees",
                   "a step for each group, and a tree over the groups that pull most"),
    "squared_labels": ("squared_labels:SquaredLabels", _SUMS),
    "squared_tree": ("squared_tree:SquaredTree", _TREE),
    "squared_aside": ("squared_aside:SquaredAside", "rows that pull most set aside"),
    "squared_deletions": ("squared_deletions:SquaredDeletions", _SUMS),
    "box": ("box:Box", _ALL),
    "bent_box": ("bent_box.method:BentBox", "one bound of all choices, to second order"),
    "cells": ("cells:Cells", _LOST),
    "deleted_triples": ("deleted_triples.method:DeletedTriples", _ONE_BY_ONE),
    "by_choice": ("by_choice.method:ByChoice", _ONE_BY_ONE),
    "pair_tree": ("pair_tree.method:PairTrees", _PAIRS),
    "box_tree": ("box_tree:BoxTree", _TREE),
    "by_counts": ("by_counts.method:ByCounts", "a tree for each number of rows of each label"),
    "step_sums": ("step_sums.method:StepSums", _SINGLES),
    "label_sums": ("label_sums.method:LabelSums", _SINGLES),
    "squared_by_counts": ("squared.by_counts:SquaredByCounts", _SUMS),
    "softmax_box": ("softmax_box:SoftmaxBox", _ALL),
    "softmax_by_choice": ("softmax_by_choice.method:SoftmaxByChoice", _ONE_BY_ONE),
    "softmax_labels": ("softmax_labels.method:SoftmaxLabels", _ONE_BY_ONE),
    "softmax_pairs": ("softmax_pairs.method:SoftmaxPairs", _PAIRS),
    "softmax_two_labels": ("softmax_two_labels.method:SoftmaxTwoLabels", _ONE_BY_ONE),
    "separate_bent": ("separate.method:SeparateBent", _TREE),
    "separate_boxes": ("separate.method:Separate", _TREE),
    "softmax_sums": ("softmax_sums.method:SoftmaxSums", "sums of single steps"),
    "softmax_steps": ("softmax_steps.method:SoftmaxSteps", "sums of single steps in a tree"),
    "squared_relabelled": ("squared.relabelled:SquaredRelabelled", _SUMS),
    "softmax_three_labels": ("softmax_three_labels.method:ThreeLabels", _ONE_BY_ONE),
    "softmax_tree": ("softmax_tree:SoftmaxTree", _TREE),
    "pair_table": ("pair_table.method:PairTable", "a table of all pairs"),
    "label_triples": ("label_triples.method:LabelTriples", _ONE_BY_ONE),
    "energy": ("energy:Energy", _LOST),
    "both_squared": ("both_squared.method:BothSquared", _SUMS),
    "both_sums": ("both_sums.method:BothSums", _SINGLES),
    "both_pairs": ("both_pairs.method:BothPairs", _ONE_BY_ONE),
    "both_refits": ("both_refits.method:BothRefits", _ONE_BY_ONE),
    "enumeration": ("enumeration:Enumeration", _REFITS),
    "every_choice": ("every_choice:EveryChoice", _REFITS)})
"""By name: module and class below :mod:`certify.theorems.head.rows`, and what it does in words, for those who wait.

They stand in the order in which they are tried (but see :func:`certify.theorems.head.rows.survey.order`).
"""

CLASSES: Final[Mapping[str, str]] = MappingProxyType({name: place for name, (place, _) in WAYS.items()})
"""Modules and classes."""

STAGES: Final[Mapping[str, str]] = MappingProxyType({name: words for name, (_, words) in WAYS.items()})
"""What they do, in words."""

UNSEEN: Final = ("by_choice",)
"""Those that certificates may state, but that runs which write one do not use: a checker follows them on small heads,
and of no table as large as they are for a whole check was seen. One point that it left open would refuse all."""

CHECKED: Final = tuple(name for name in WAYS if name not in (*UNCHECKED, *UNSEEN))
"""Those that runs use for certificates: a checker derives again what they prove."""
