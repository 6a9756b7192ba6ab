"""Mutants of operations on sequences, in prover and checker: a wrong constant or term each, and what kills it (G8)."""

from __future__ import annotations

from tests.mutation.mutants import Mutant

PROVER, CHECKER = "network/graph/sequences/", "check/enclosure/sequences/"

SEQUENCES: tuple[Mutant, ...] = (
    Mutant("layer norm: variance by d − 1", PROVER + "layer_norm.py", "(row @ row / d + at.node.eps)", "(row @ row / (d - 1) + at.node.eps)", ("graph_sequences@0",)),
    Mutant("layer norm: no eps", PROVER + "layer_norm.py", "(row @ row / d + at.node.eps)", "(row @ row / d)", ("graph_sequences@0",)),
    Mutant("layer norm: no mean", PROVER + "layer_norm.py", "x = x - (x.sum(axis=1) / d)[:, None]", "x = x + 0", ("graph_sequences@0",)),
    Mutant("layer norm back: mean of adjoints", PROVER + "layer_norm.py", "w - (w.sum(axis=1) / d)[:, None] - normed", "w - normed", ("graph_sequences@0",)),
    Mutant("layer norm back: along the token", PROVER + "layer_norm.py", "along = (w * normed).sum(axis=1) / d", "along = (w * normed).sum(axis=1) * 0", ("graph_sequences@0",)),
    Mutant("attention: scale by all channels", PROVER + "attention.py", "arb(at.before[0][1] // at.node.heads).rsqrt()", "arb(at.before[0][1]).rsqrt()", ("graph_sequences@2",)),
    Mutant("attention: causal forgotten", PROVER + "attention.py", "_softmax(entries(Q * K.transpose()) * _scale(at), at.node.causal)", "_softmax(entries(Q * K.transpose()) * _scale(at), False)", ("graph_sequences@2",)),
    Mutant("attention: another top for each entry", PROVER + "attention.py", "powers = [(s - top).exp() for s in seen]", "powers = [(s - float(s.mid())).exp() for s in seen]", ("graph_sequences@2",)),
    Mutant("attention back: no row sums", PROVER + "attention.py", "(of_weights - P * of_weights.sum(axis=1)[:, None])", "of_weights", ("graph_sequences@2",)),
    Mutant("attention back: no scale", PROVER + "attention.py", ".sum(axis=1)[:, None]) * _scale(at))", ".sum(axis=1)[:, None]))", ("graph_sequences@2",)),
    Mutant("gelu by tanh: cubic", PROVER + "gelu_tanh.py", "CUBIC = 0.044715\n", "CUBIC = 0.0447\n", ("graph_sequences@0",)),
    Mutant("gelu by tanh: slope", PROVER + "gelu_tanh.py", "(1 + 3 * a * x * x)", "(1 + a * x * x)", ("graph_sequences@0",)),
    Mutant("mean: another divisor", PROVER + "mean_tokens.py", "inputs[0].sum(axis=0) / at.tokens", "inputs[0].sum(axis=0) / (at.tokens + 1)", ("graph_sequences@0",)),
    Mutant("mean back: no share", PROVER + "mean_tokens.py", "np.tile(v / at.tokens, at.tokens)", "np.tile(v, at.tokens)", ("graph_sequences@2",)),
    Mutant("position: no gradient", PROVER + "position.py", "[column(v), None]", "[column(v * 0), None]", ("graph_sequences@0",)),
    Mutant("tokens: no bias", PROVER + "token_linear.py", "y + at.balls[\"bias\"] if \"bias\" in at.balls else y", "y", ("graph_sequences@1",)),
    Mutant("tokens: gradient of one bias", PROVER + "token_linear.py", "column(rows.sum(axis=0))", "column(rows[0])", ("graph_sequences@1",)),
    Mutant("slice: one further", PROVER + "copies.py", "slice(at.node.start, at.node.stop)", "slice(0, at.node.stop - at.node.start)", ("graph_sequences@2",)),
    Mutant("sequence: adjoints of inputs swapped", "network/graph/balls.py", "return pulled.inputs", "return pulled.inputs[::-1]", ("graph_sequences@2",)),
    Mutant("prepend: no gradient", PROVER + "prepend.py", "column(v[:size])", "column(v[:size] * 0)", ("graph_tokens@1",)),
    Mutant("prepend: adjoint of other tokens", PROVER + "prepend.py", "Pulled([v[size:]]", "Pulled([v[: len(v) - size]]", ("graph_tokens@1",)),
    Mutant("embedding: gradient of the last reading", PROVER + "embedding.py", "np.add.at(total, kept, v.reshape(len(kept), -1))", "total[kept] = v.reshape(len(kept), -1)", ("graph_tokens@15",)),
    Mutant("checker, prepend: behind", CHECKER + "prepend.py", "self.weight + inputs[0]", "inputs[0] + self.weight", ("graph_tokens@1",)),
    Mutant("checker, embedding: gradient of the last reading", CHECKER + "embedding.py", "gradient[row * width + j] += v[token * width + j]", "gradient[row * width + j] = v[token * width + j]", ("graph_tokens@15",)),
    Mutant("checker, layer norm: variance by d − 1", CHECKER + "layer_norm.py", "squares(centred) / d + arb", "squares(centred) / (d - 1) + arb", ("graph_sequences@0",)),
    Mutant("checker, layer norm: no eps", CHECKER + "layer_norm.py", "+ arb(self.node.eps)", "+ arb(0)", ("graph_sequences@0",)),
    Mutant("checker, layer norm back: along the token", CHECKER + "layer_norm.py", "(total + x * along) / d", "total / d", ("graph_sequences@0",)),
    Mutant("checker, attention: scale by all channels", CHECKER + "attention.py", "arb(self.widths[0]).sqrt()", "arb(self.widths[0] * self.heads).sqrt()", ("graph_sequences@2",)),
    Mutant("checker, attention: causal forgotten", CHECKER + "attention.py", "self.causal and j > i", "False", ("graph_sequences@2",)),
    Mutant("checker, attention back: no mean", CHECKER + "attention.py", "self.scale * p * (d - mean)", "self.scale * p * d", ("graph_sequences@2",)),
    Mutant("checker, gelu by tanh: cubic", CHECKER + "gelu_tanh.py", "CUBIC = 0.044715\n", "CUBIC = 0.0447\n", ("graph_sequences@0",)),
    Mutant("checker, gelu by tanh: slope", CHECKER + "gelu_tanh.py", "3 * arb(CUBIC)", "arb(CUBIC)", ("graph_sequences@0",)),
    Mutant("checker, mean: another divisor", CHECKER + "mean_tokens.py", "ZERO) / tokens for j", "ZERO) / (tokens + 1) for j", ("graph_sequences@0",)),
    Mutant("checker, position: no gradient", CHECKER + "position.py", "return [v], v", "return [v], [a * 0 for a in v]", ("graph_sequences@0",)),
    Mutant("checker, tokens: one bias", CHECKER + "token_linear.py", "sum(v[a::self.outputs], ZERO)", "v[a]", ("graph_sequences@1",)),
)
