"""A chain of linear layers with one activation between them: what the graph of a file or a module must be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from certify.format.errors import InputError
from certify.format.words import Activation, words

OPTIONS: Final[dict[str, dict[str, float | str]]] = dict.fromkeys(words(Activation), {}) | {
    Activation.LEAKY_RELU: {"negative_slope": 0.01}, Activation.ELU: {"alpha": 1.0},
    Activation.SOFTPLUS: {"beta": 1.0, "threshold": 20.0}, Activation.GELU: {"approximate": "none"},
}
"""The activations, each with the only value its options may have.

torch's softplus is x itself above the threshold 20; certify's is log(1 + exp x) everywhere, 2.1e-9 more at most.
"""

BATCH_NORM: Final = ("train without it; or export the network to .onnx: there it is folded, and the claims are marked, "
                     "as they are about the folded parameters; or ask about its last layer: --factory "
                     "MODULE:CALLABLE of `certify audit` makes the module, in Python certify.from_module takes it")

BRANCHES: Final = "only one chain of layers can be read"
SOFTMAX: Final = "export the module without it: the cross-entropy loss takes the outputs before the softmax"


class Chain:
    """Layers and activations in the order in which the input meets them.

    Args:
        asked: how to name the file or module in messages.

    >>> chain = Chain("model file m.onnx")
    >>> chain.linear(); chain.activation("tanh"); chain.linear()
    >>> chain.activation_between()
    'tanh'
    """

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._after: list[list[str]] = []

    def linear(self) -> None:
        """A linear layer is met."""
        self._after.append([])

    def activation(self, word: str) -> None:
        """An activation is met.

        Raises:
            InputError: no layer comes before it, or another activation.
        """
        if word == "identity":
            return
        if not self._after:
            self._refuse(f"{word} before the first linear layer")
        self._after[-1].append(word)
        if len(self._after[-1]) > 1:
            self._refuse(f"{' and '.join(self._after[-1])} after one linear layer")

    def activation_between(self) -> str | None:
        """The activation between all layers; None where there is one layer only.

        Raises:
            InputError: there is no layer, or an activation after the last, or not the same everywhere.
        """
        if not self._after:
            self._refuse("no linear layer")
        if self._after[-1]:
            self._refuse(f"{self._after[-1][0]} after the last linear layer")
        words = list(dict.fromkeys(word for after in self._after[:-1] for word in after or ["identity"]))
        if len(words) > 1:
            self._refuse(f"{' and '.join(words)} between linear layers")
        return words[0] if words else None

    def _refuse(self, found: str) -> None:
        raise InputError(
            self._asked, f"{found}, which is no plain fully connected network",
            "one activation, the same everywhere, goes between linear layers and none after the last",
        )


def require_option(word: str, option: str, value: object, asked: str) -> None:
    """Refuse an option that makes another function of an activation.

    Raises:
        InputError: names the option and its value.
    """
    wanted = OPTIONS[word].get(option)
    if wanted is None or type(value) in (str, float, int) and value == wanted:
        return
    raise InputError(asked, f"{word} with {option} = {str(value)[:40]}", f"only {option} = {wanted} is built")


def key_of(name: str) -> str:
    """A name shortened and in one line, for messages.

    >>> key_of("a" + chr(10))
    'a?'
    """
    return re.sub(r"[^\x20-\x7e]", "?", name)[:80]


def numbered(weights: Sequence[bool]) -> list[str]:
    """Keys of a chain's tensors as torch would name them; for each layer, whether it has a bias.

    >>> numbered([True, False])
    ['0.weight', '0.bias', '2.weight']
    """
    return [f"{2 * h}.{last}" for h, bias in enumerate(weights) for last in ("weight", "bias")[: 1 + bias]]
