"""Every operation on sequences, by its word: a file and a row each."""

from __future__ import annotations

from typing import Final

from certify.network.graph.sequences.attention import Attention
from certify.network.graph.sequences.base import Operation
from certify.network.graph.sequences.copies import Reshape, Slice, Transpose
from certify.network.graph.sequences.embedding import Embedding
from certify.network.graph.sequences.gelu_tanh import GeluTanh
from certify.network.graph.sequences.layer_norm import LayerNorm
from certify.network.graph.sequences.mean_tokens import MeanTokens
from certify.network.graph.sequences.position import Position, Shift
from certify.network.graph.sequences.prepend import Prepend
from certify.network.graph.sequences.products import Multiply, Times
from certify.network.graph.sequences.rms_norm import RmsNorm
from certify.network.graph.sequences.token_linear import TokenLinear

TOKEN_LINEAR: Final = TokenLinear()
"""What `linear` is after a sequence."""

SEQUENCES: Final[dict[str, Operation]] = {operation.word: operation for operation in (
    LayerNorm(), RmsNorm(), Attention(), Multiply(), Times(), GeluTanh(), MeanTokens(), Position(), Shift(), Prepend(),
    Embedding(), Reshape(), Transpose(), Slice())}
