"""The label that a prediction has after the change that flips it, of several classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from certify.auditing.subject import Subject
from certify.format.errors import EnclosureError
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.fitting import outputs_of


def labels_after(subject: Subject, bound: Bound | None, arrays: Mapping[str, Any]) -> Mapping[int, str]:
    """By the number of a flipped prediction, its label after the change that flips it, in the words of the data.

    The proof that it flips is about the refit near the weights that the witness holds: there one output is proved to be
    the largest, and it is the largest at these weights too.

    Args:
        subject: what the predictions are of.
        bound: on how many of them stay, with the name of its arrays; None: nothing is known.
        arrays: by name, as the side file of the certificate has them.

    Returns:
        The labels; none of one output, whose two labels need no name, nor where the witness holds no refits.
    """
    net, start = subject.network, None if bound is None else bound.witness.get("array")
    if not isinstance(net, Network) or net.widths[-1] == 1 or f"{start}.flips.weights" not in arrays:
        return {}
    which, words = np.asarray(arrays[f"{start}.flips.point"]), subject.classes or range(net.widths[-1])
    found: dict[int, str] = {}
    for number, flat in enumerate(np.asarray(arrays[f"{start}.flips.weights"])):
        rows = np.flatnonzero(which == number)
        if not len(rows):
            continue
        try:
            outputs = np.concatenate([part for _, part in outputs_of(_refitted(net, flat), subject.to_predict[rows])])
        except EnclosureError:
            continue
        found |= {int(row): str(words[label]) for row, label in zip(rows, np.argmax(outputs, axis=1), strict=True)}
    return found


def _refitted(net: Network, flat: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Network:
    """The network with other weights of its last layer, an intercept last in every row."""
    W, b = net.weights[-1], net.biases[-1]
    V = flat.reshape(len(W), -1)
    return replace(net, weights=(*net.weights[:-1], V[:, : W.shape[1]]),
                   biases=(*net.biases[:-1], None if b is None else V[:, -1]))
