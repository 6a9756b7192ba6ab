"""A small honest certificate of every kind of claim that golden ones and seeds lack.

`python -m tests.forgeries.write_files` writes them into `kinds/`. Where a head would be proved by another method first,
or its choices counted out, the prover is kept from that: what it writes is checked as any other certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from safetensors.numpy import save_file

from certify.cli.main import main as certify
from certify.finders.head.refits import Refitter
from certify.problem.load import load_problem
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.rows import claims, enumeration
from certify.theorems.head.rows.by_choice import method, tree
from certify.theorems.head.rows.moves import claims as moves
from certify.theorems.head.rows.moves import counted, measures, ranges
from certify.theorems.head.rows.pair_tree import method as pairs
from certify.theorems.head.rows.refitted import far, walk
from certify.theorems.head.rows.survey import survey
from tests.families import emitter, graph_heads, other_heads, prover_cases, stored_logistic, stored_rows
from tests.families.check_cases import plain
from tests.forgeries import seeds
from tests.golden.heads import DELETED, EVALUATION, LABELS, Asked, write
from tests.oracles.graph import Builder
from tests.unit.check.enclosure.test_graph import write as write_graph
from tests.unit.check.enclosure.test_norms import normed

Make = Callable[[Path], None]

GROUPS: Final = 'parameter = "deletions"\ngroups = "user"\ncount = '
RIDGE: Final = Asked("", "squared", evaluation=EVALUATION + "threshold = 0.0")
SOFTMAX: Final = Asked("", "cross_entropy", decay=0.2)

BY_METHOD: Final[Mapping[str, Asked]] = MappingProxyType({
    "squared_labels": replace(RIDGE, change=LABELS + "2"), "squared_deletions": replace(RIDGE, change=DELETED + "2"),
    "squared_tree": replace(RIDGE, change=DELETED + "3"), "squared_aside": replace(RIDGE, change=DELETED + "2"),
    "box": Asked(DELETED + "1", decay=1.0), "box_tree": Asked(DELETED + "2"), "pair_tree": Asked(DELETED + "2"),
    "cells": Asked(DELETED + "2", decay=0.2), "energy": Asked(LABELS + "2"),
    "softmax_box": replace(SOFTMAX, change=DELETED + "1"), "softmax_pairs": replace(SOFTMAX, change=DELETED + "2"),
    "softmax_tree": replace(SOFTMAX, change=LABELS + "1"),
    "group_tree": Asked(GROUPS + "2", decay=1.0),
    "by_counts": Asked(DELETED + "2", balanced='class_weight = "balanced"\n'),
    "label_sums": Asked(LABELS + "2", decay=0.4, balanced='class_weight = "balanced"\n'),
    "bent_box": Asked(DELETED + "4", decay=0.5),
    "both_squared": replace(RIDGE, change=DELETED + "1\nrelabelled = 1"),
    "both_pairs": Asked(DELETED + "1\nrelabelled = 1", decay=0.5),
    "separate_boxes": Asked(DELETED + "3", "one_vs_rest", decay=0.5),
})
"""What each method proves alone."""

TWO = Asked(DELETED + "2", decay=0.3, bar="max = 9", evaluation="", quantity="distance")
OUTPUTS = replace(TWO, evaluation=EVALUATION, quantity="prediction_change")
VALUES = replace(TWO, evaluation='[evaluation]\ncoefficients = "all"\n', quantity="functional")
OFF = replace(RIDGE, change='parameter = "targets"\nset = "per_sample"\nradius = 0.125', decay=0.25, bias_decay=False,
              bar="max = 9", evaluation=EVALUATION, quantity="prediction_change")
SUMMED = replace(TWO, change=LABELS + "2", loss="squared", decay=0.05)
PULLED = replace(OUTPUTS, change=DELETED + "2", loss="squared", decay=0.05)
NOISE = 'parameter = "features"\nset = "per_sample"\nradius = 0.05'

SET = "[perturbation]\n"
INF = SET + 'set = "per_sample"\nnorm = "inf"\nradius = 0.25\n'
SPARSE = SET + 'set = "sparse"\ncount = 2\nnorm = 1\nradius = 8.0\n'
POINTS = seeds.POINTS.format("threshold = 0.125\n")
BOTH = ("modulus max 8", "sample_modulus max 8")


def _run(spec: Path) -> None:
    status = certify(["run", str(spec), "--quiet"])
    assert status in (0, 3, 4), (spec, status)


def _patched(patches: list[tuple[Any, str, Any]], asked: Asked, folder: Path) -> None:
    with ExitStack() as stack:
        for owner, name, value in patches:
            stack.enter_context(patch.object(owner, name, value))
        _run(write(asked, folder))


def _alone(name: str) -> tuple[Any, str, Any]:
    return claims, "survey", partial(survey, methods=(name,))


def by_method(name: str, folder: Path) -> None:
    """By one method alone."""
    alone(name, BY_METHOD[name], folder)


def alone(name: str, asked: Asked, folder: Path) -> None:
    """The same of another question."""
    _patched([_alone(name)], asked, folder)


def pair_tree_labels(folder: Path) -> None:
    """Two wrong labels by a tree of pairs, of a table however small."""
    _patched([_alone("pair_tree"), (pairs, "MANY", 0), (pairs, "EACH", 1e9)], Asked(LABELS + "2", decay=1.0), folder)


def by_choices(folder: Path) -> None:
    """Choices of three rows one by one, of a table however small, with rows set apart as soon as any is open."""
    _patched([_alone("by_choice"), (method, "LEAST", 0), (tree, "OPEN", 0)], Asked(DELETED + "3"), folder)


def by_sums(folder: Path) -> None:
    """Sums of smaller refits, however few there are."""
    plenty = walk.by_sums

    def few(head: Head, change: RowChange, many: int = 1) -> bool:
        return plenty(head, change, min(many, 1))

    _patched([_alone("enumeration"), (enumeration, "by_sums", few), (walk, "by_sums", few)],
             Asked(LABELS + "2", decay=0.5), folder)


def by_labels(folder: Path) -> None:
    """One label of several classes, each choice by itself, of a head however small."""
    _patched([_alone("softmax_labels"), (far, "LEAST", 0)], replace(SOFTMAX, change=LABELS + "1"), folder)


def one_by_one(asked: Asked, folder: Path) -> None:
    """Trees of deletions, however few choices there are."""
    _patched([(moves, "FEW", 0)], asked, folder)


def of_numbers(loss: str, folder: Path) -> None:
    """A head whose targets are numbers, with a loss that only heads know."""
    head = other_heads.other_head(np.random.default_rng(5), loss, n=16, d=2, N=6, free=False, decay=0.25)
    write(OUTPUTS, folder)
    save_file({"0.weight": head.V[:, :2].copy(), "0.bias": head.V[:, 2].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=head.phi[:, :2], y=head.Y)
    np.savez(folder / "more.npz", X=head.points[:, :2])
    prover_cases.edit(folder, {'"logistic"': f'"{loss}"', "weight_decay = 0.3": "weight_decay = 0.25"})
    _run(folder / "spec.toml")


def along_pairs(folder: Path) -> None:
    """Wrong labels from 0 to 1 alone."""
    question(Asked(LABELS + "2\npairs = [[0, 1]]"), folder)


def of_a_graph(kind: str, change: str, folder: Path) -> None:
    """The last layer of a network of another kind, whose other layers stay as they are."""
    rng = np.random.default_rng(4)
    net = graph_heads.NETWORKS[kind](rng)
    X, points, y = graph_heads.rows(rng, net, 24), graph_heads.rows(rng, net, 8), np.arange(24) % 3
    folder.mkdir(parents=True)
    spec = graph_heads.write(folder, net, X, y, points, parameter=change, count=1)
    phi = head_of(load_problem(spec)).phi
    y = (phi @ rng.normal(size=(phi.shape[1], 3))).argmax(axis=1)
    graph_heads.write(folder, net, X, y, points, parameter=change, count=1)
    V, last = Refitter(head_of(load_problem(spec))).V0, net.nodes[-1]
    fitted = {last.weight: V[:, :-1].copy(), last.bias: V[:, -1].copy()}
    save_file({name: np.ascontiguousarray(a) for name, a in (net.tensors | fitted).items()},
              folder / "model.safetensors")
    _run(spec)


def settled(parameter: str, kind: str, predicted: bool, folder: Path) -> None:
    """A tanh network with weight decay at a critical point nearby, where probes are asked if the caller takes them."""
    case = prover_cases.critical_set(1, folder, base="nearby", n=6, loss="squared", parameter=parameter, decay=0.125,
                                     activation="tanh", set=kind, norm=2, relative=False)
    assert prover_cases.settled(case, folder)
    if predicted:
        prover_cases.with_predictions(case, folder, 1)
    assert prover_cases.prove(folder) is not None


def in_lanes(folder: Path) -> None:
    """A graph of as many rows as the checker takes together."""
    rng = np.random.default_rng(3)
    b = Builder(rng, (1, 3, 3))
    b.conv(2)
    b.add("relu")
    b.linear(2)
    net = b.network()
    folder.mkdir(parents=True)
    _run(write_graph(folder, net, rng.normal(size=(24, net.widths[0])).astype(np.float32).astype(float),
                     np.arange(24) % 2))


def in_function_norm(folder: Path) -> None:
    """Weights measured by what they do to outputs, at a critical point."""
    prover_cases.critical_set(5, folder, relative=False, decay=0.125)
    normed(folder, 5, "function")
    assert prover_cases.prove(folder) is not None


def in_a_table(folder: Path) -> None:
    """Rows of text."""
    spec = seeds.of_case(folder, seeds.fit(gates=seeds.gates("modulus max 8")), {})
    held = np.load(folder / "data.npz")
    lines = ["a,b,y", *(",".join(map(repr, map(float, row))) for row in np.c_[held["X"], held["y"]])]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "data.npz").unlink()
    prover_cases.edit(folder, {"data.npz": "data.csv", 'features = "X"': 'features = ["a", "b"]'})
    _run(spec)


MANY: Final = ((counted, "LEAVES", 1), (counted, "ONE_BY_ONE", 1), (ranges, "ONE_BY_ONE", 0))
NO_BOXES: Final = tuple((one, "boxed", lambda *_: None) for one in (measures.Distance, measures.Outputs))
NO_BOX: Final = tuple((one, "bent", lambda *_: None) for one in (measures.Distance, measures.Outputs))


def not_counted(asked: Asked, boxes: bool, folder: Path) -> None:
    """Where choices are said to be too many to be counted out: by trees of boxes, or without them by norms."""
    _patched([*MANY, *NO_BOX, *(() if boxes else NO_BOXES)], asked, folder)


def in_one_box(asked: Asked, folder: Path) -> None:
    """The same by one box of all choices."""
    _patched([*MANY, *NO_BOXES], asked, folder)


def question(asked: Asked, folder: Path) -> None:
    """As a user asks it."""
    _run(write(asked, folder))


def drawn(make: Callable[..., object], seed: int, folder: Path, **fixed: Any) -> None:
    """A problem of a family."""
    make(seed, folder, **fixed)
    assert prover_cases.prove(folder) is not None


def twins(edits: dict[str, str], gates: tuple[str, ...], folder: Path) -> None:
    """Two equal rows that cannot move apart."""
    case = plain(rows=[3, 1], activation="relu", gates=seeds.gates(*gates))
    case.X[3] = case.X[1]
    _run(seeds.of_case(folder, case, edits))


def deep(edits: dict[str, str], gate: str, folder: Path) -> None:
    """Three layers, of which the last adjusts; constants row by row are better than norms of layers."""
    rng, shapes = np.random.default_rng(0), ((6, 2), (6, 6), (1, 6))
    case = emitter.Case([rng.normal(size=shape) / shape[1]**0.5 for shape in shapes],
                        [np.zeros(shape[0]) for shape in shapes], "tanh", rng.normal(size=(3, 2)), np.zeros((3, 1)),
                        gates=seeds.gates(gate), layer=3)
    folder.mkdir(parents=True)
    seeds.more(folder)
    _run(seeds.of_case(folder, case, edits))


def wide(folder: Path) -> None:
    """More columns than that all their signs are gone through."""
    rng = np.random.default_rng(5)
    case = plain(weights=[rng.normal(size=(4, 7)), rng.normal(size=(2, 4))], X=rng.normal(size=(4, 7)),
                 gates=seeds.gates(*BOTH))
    _run(seeds.of_case(folder, case, {SET: INF}))


def wide_ridge(folder: Path) -> None:
    """The same at a critical point nearby."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(9, 7)), rng.normal(size=(9, 1))
    w = np.linalg.solve(X.T @ X / 9 + 0.5 * np.eye(7), X.T @ y / 9).T
    case = emitter.Case([w], [None], "identity", X, y, gates=seeds.gates(*BOTH))
    _run(seeds.of_case(folder, case, {"[solution]\n": seeds.NEAR, SET: INF,
                                      "[training]\n": "[training]\nweight_decay = 0.5\n"}))


def labels_after_change(folder: Path) -> None:
    """Labels that stay after one change of the data."""
    folder.mkdir(parents=True)
    seeds.more(folder)
    seeds.change(folder, 3, 2, 1e-4)
    case = seeds.fit(gates=seeds.gates("stable_predictions min 1"))
    _run(seeds.of_case(folder, case, {SET: POINTS + 'set = "given"\nfile = "change.npz"\n'}))


def from_below(folder: Path) -> None:
    """What is proved at a critical point with symmetries, stated as lower ends alone, which need no rank (M5d)."""
    prover_cases.critical_set(10, folder, set="total", relative=False)
    made = prover_cases.prove(folder)
    assert made is not None and made["base"]["tilt"] != "weights"
    for claim in made["claims"]:
        rows = claim["quantity"] == "sample_modulus"
        claim |= {"upper": None, "hypotheses": [], "theorem": "M5d", "witness": {
            name: v for name, v in claim["witness"].items() if name == "z"}, **(
                {"lower": None, "rows": [], "row_lower": [], "row_upper": []} if rows else {})}
        emitter.judge(claim, claim["gate"])
    emitter.write(emitter.total(made), folder)


def on_disk(change: str, classes: int, folder: Path) -> None:
    """Rows on disk, whose certificate states what is true of every row, by exact arithmetic."""
    problem = stored_rows.small(np.random.default_rng(0), classes)
    truth = problem.truth(change, 1)
    stays, flips = ([j for j, row in enumerate(truth) if row[at]] for at in (0, 1))
    deleted = change == "deletions"
    stored_rows.written(folder, problem, change, 1, stays, [] if deleted else flips, [] if deleted else None)


def on_disk_by_lengths(change: str, folder: Path) -> None:
    """A logistic regression of rows on disk: four rows stay, and one is flipped by the row that is named."""
    outputs = np.array([3.0, -3.0, 2.0, -2.0, 0.01, -0.01, 0.02, 0.5])
    problem = stored_logistic.crowd(np.random.default_rng(2), 300, True, len(outputs)).near(outputs)
    choices, w = problem.refits(change, 1)
    named = choices[int(problem.margins(w)[4].argmin())]
    stored_logistic.written(folder, problem, change, 1, range(4), [4], [named])


RADIUS = SET + "radius = 0.05\n"

MAKERS: Final[Mapping[str, Make]] = MappingProxyType({
    **{name.replace("_", "-"): partial(by_method, name) for name in BY_METHOD},
    "by-choice": by_choices, "softmax-labels": by_labels, "sums": by_sums,
    "weights-by-boxes": partial(not_counted, TWO, True),
    "weights-by-norms": partial(not_counted, TWO, False), "outputs-by-boxes": partial(not_counted, OUTPUTS, True),
    "outputs-by-norms": partial(not_counted, OUTPUTS, False), "values-by-boxes": partial(not_counted, VALUES, True),
    "weights-by-sums": partial(not_counted, SUMMED, True),
    "weights-by-sums-deleted": partial(not_counted, replace(SUMMED, change=DELETED + "2", decay=0.5), True),
    "outputs-by-sums": partial(not_counted, replace(SUMMED, evaluation=EVALUATION, quantity="prediction_change"), True),
    "weights-by-one-box": partial(in_one_box, replace(TWO, decay=1.0)),
    "weights-by-one-box-labels": partial(in_one_box, replace(TWO, change=LABELS + "2", decay=1.0)),
    "outputs-by-one-box": partial(in_one_box, replace(OUTPUTS, decay=1.0)),
    "targets-off": partial(question, OFF), "outputs-by-trees": partial(one_by_one, PULLED),
    **{loss: partial(of_numbers, loss) for loss in other_heads.NUMBERS}, "pairs": along_pairs,
    **{f"graph-{kind}": partial(of_a_graph, kind, change) for kind, change in (
        ("transformer", "deletions"), ("tokens", "labels"), ("convolutions", "deletions"))},
    "pair-tree-labels": pair_tree_labels,
    "bent-box-labels": partial(alone, "bent_box", Asked(LABELS + "4", decay=0.5)),
    "box-tree-above": partial(alone, "box_tree", Asked(DELETED + "2", evaluation=EVALUATION + "threshold = 0.25\n")),
    "noise-weights": partial(question, replace(TWO, change=NOISE)),
    "noise-counts": partial(question, replace(TWO, change=NOISE.replace("features", "sample_weights"))),
    "survived-labels": partial(question, replace(RIDGE, change=LABELS + "3", quantity="tolerated_changes")),
    "noise-outputs": partial(question, replace(OUTPUTS, change=NOISE)),
    "twins-per-sample": partial(twins, {SET: INF}, BOTH),
    "twins-sparse": partial(twins, {SET: SPARSE}, ("first_order_distance max 8",)),
    "twins-aubin": partial(twins, {SET: "[aubin]\n" + SET}, ("aubin max 8",)),
    "constants": partial(deep, {SET: RADIUS}, "distance max 80"),
    "constants-labels": partial(deep, {SET: POINTS + "radius = 0.05\n"}, "stable_predictions min 1"),
    "wide": wide, "wide-ridge": wide_ridge, "labels-after-change": labels_after_change, "from-below": from_below,
    "first-order-total": partial(drawn, prover_cases.perturbed, 0, set="total"),
    "first-order-fits": partial(drawn, prover_cases.fit_predicted, 0, set="total"),
    "targets-of-a-critical-point": partial(drawn, prover_cases.critical_set, 4, loss="squared", parameter="targets",
                                           set="per_sample", relative=False),
    "settled": partial(settled, "features", "total", False),
    "settled-rows": partial(settled, "features", "per_sample", False),
    "settled-predictions": partial(settled, "features", "total", True),
    "one-column": partial(settled, "sample_weights", "per_sample", True),
    "function-norm": in_function_norm, "table": in_a_table, "graph-in-lanes": in_lanes,
    "exact-fit": partial(drawn, prover_cases.critical, 1),
    "exact-fit-set": partial(drawn, prover_cases.critical_set, 1),
    "critical-set": partial(drawn, prover_cases.critical_set, 2),
    "critical-set-at-size": partial(drawn, prover_cases.critical_set, 3),
    "critical-set-by-weights": partial(drawn, prover_cases.critical_set, 0, set="per_sample",
                                       parameter="sample_weights", relative=False),
    "disk-labels": partial(on_disk, "labels", 2), "disk-deletions": partial(on_disk, "deletions", 3),
    "disk-logistic-labels": partial(on_disk_by_lengths, "labels"),
    "disk-logistic-deletions": partial(on_disk_by_lengths, "deletions"),
})
"""By the name of the folder."""
