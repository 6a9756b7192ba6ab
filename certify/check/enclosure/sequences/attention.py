"""Attention: for every head, weights that are exponentials over their sum, and the sums of values they give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb, arb_mat

from certify.check.enclosure.sequences.base import Operation, Values, parted
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.graph import Node


class Attention(Operation):
    """`p_ij = e^(s_ij)/Σ_j e^(s_ij)`, `s_ij = c⟨q_i, k_j⟩`, and `Σ_j p_ij v_j`; balls have exponents of any size."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.heads, self.causal = node.record["heads"], node.record["causal"]
        self.widths = [shape[1] // self.heads for shape in node.reads]
        scale = node.record["scale"]
        self.scale = ONE / arb(self.widths[0]).sqrt() if scale is None else arb(scale)

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """Head by head."""
        tokens = [parted(x, shape[1]) for x, shape in zip(inputs, self.node.reads, strict=True)]
        outputs, kept = [], []
        for head in range(self.heads):
            q, k, v = (arb_mat([token[head * w:(head + 1) * w] for token in rows])
                       for rows, w in zip(tokens, self.widths, strict=True))
            weights = arb_mat([self._weights(row, i) for i, row in enumerate((q * k.transpose()).tolist())])
            outputs.append((weights * v).tolist())
            kept.append((q, k, v, weights))
        return [x for i in range(len(tokens[0])) for part in outputs for x in part[i]], kept

    def _weights(self, row: Values, i: int) -> Values:
        """What token i pays to each."""
        powers = [ZERO if self.causal and j > i else (self.scale * s).exp() for j, s in enumerate(row)]
        total = sum(powers, ZERO)
        return [p / total for p in powers]

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """`∂p_ij = ⟨g_i, v_j⟩`, `∂s_ij = p_ij(∂p_ij − Σ_l p_il ∂p_il)`; `∂q_i = cΣ_j ∂s_ij k_j` and so on."""
        tokens, parts = parted(v, self.node.shape[1]), []
        for head, (q, k, values, weights) in enumerate(kept):
            w = self.widths[2]
            g = arb_mat([token[head * w:(head + 1) * w] for token in tokens])
            scores = []
            for paid, gain in zip(weights.tolist(), (g * values.transpose()).tolist(), strict=True):
                mean = sum((p * d for p, d in zip(paid, gain, strict=True)), ZERO)
                scores.append([self.scale * p * (d - mean) for p, d in zip(paid, gain, strict=True)])
            S = arb_mat(scores)
            parts.append([(S * k).tolist(), (S.transpose() * q).tolist(), (weights.transpose() * g).tolist()])
        return [[x for i in range(shape[0]) for part in parts for x in part[role][i]]
                for role, shape in enumerate(self.node.reads)], []


OWN = Attention
