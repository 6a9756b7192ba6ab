"""BatchNorm is folded: every number is the nearest float64 to the exact one, and what cannot be folded is refused."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.inputs.onnx.batch_norm import inverse_root
from certify.inputs.onnx.onnx_file import OnnxArchive
from tests.families.onnx_bytes import model, node, put, tensor

BITS = 600
rng = np.random.default_rng(3)
W1, B1, W2, B2 = (rng.standard_normal(shape).astype("f4") for shape in ((5, 3), (5,), (2, 5), (2,)))
EPSILON = struct.unpack("<f", struct.pack("<f", 1e-5))[0]


def norm(width: int, seed: int = 0) -> list[np.ndarray]:
    """Scale, shift, mean and variance."""
    draw = np.random.default_rng(seed)
    return [draw.standard_normal(width).astype("f4") for _ in range(3)] + [draw.uniform(0.1, 3, width).astype("f4")]


def named(numbers: list[np.ndarray], of: str = "n") -> dict[str, np.ndarray]:
    return {f"{of}{i}": array for i, array in enumerate(numbers)}


def batch(source: str, output: str, of: str = "n", **options) -> bytes:
    return node("BatchNormalization", [source, *(f"{of}{i}" for i in range(4))], output, **options)


def gemm(number: int, source: str, output: str) -> bytes:
    return node("Gemm", [source, f"w{number}", f"b{number}"], output, transB=1)


NORM5, NORM3 = norm(5), norm(3, 1)
ALL = {"w1": W1, "b1": B1, "w2": W2, "b2": B2}
FILES = {
    "behind a Gemm": ([gemm(1, "x", "a"), batch("a", "n"), node("Tanh", ["n"], "t"), gemm(2, "t", "y")],
                      {**ALL, **named(NORM5)}, None),
    "behind MatMul and Add": ([node("MatMul", ["x", "w1"], "m"), node("Add", ["m", "b1"], "a"), batch("a", "n"),
                               node("Tanh", ["n"], "t"), gemm(2, "t", "y")],
                              {**ALL, "w1": W1.T, **named(NORM5)}, 2),
    "behind MatMul": ([node("MatMul", ["x", "w1"], "m"), batch("m", "n"), node("Tanh", ["n"], "t"), gemm(2, "t", "y")],
                      {**ALL, "w1": W1.T, **named(NORM5)}, 2),
    "before a Gemm": ([batch("x", "n"), gemm(1, "n", "a"), node("Tanh", ["a"], "t"), gemm(2, "t", "y")],
                      {**ALL, **named(NORM3)}, None),
    "on both sides": ([batch("x", "p", "p"), gemm(1, "p", "a"), batch("a", "n"), node("Tanh", ["n"], "t"),
                       gemm(2, "t", "y")], {**ALL, **named(NORM5), **named(NORM3, "p")}, None),
    "behind the activation": ([gemm(1, "x", "a"), node("Tanh", ["a"], "t"), batch("t", "n"), gemm(2, "n", "y")],
                              {**ALL, **named(NORM5)}, None),
}


def balls(array: np.ndarray) -> list[arb]:
    return [arb(float(v)) for v in array]


def apply(numbers: list[np.ndarray], values: list[arb]) -> list[arb]:
    scale, shift, mean, variance = map(balls, numbers)
    return [s * (x - m) / (v + arb(EPSILON)).sqrt() + t
            for s, x, m, v, t in zip(scale, values, mean, variance, shift, strict=True)]


def linear(weight: np.ndarray, bias: np.ndarray | None, values: list[arb]) -> list[arb]:
    sums = [sum((a * b for a, b in zip(balls(row), values, strict=True)), arb(0)) for row in weight]
    return sums if bias is None else [a + b for a, b in zip(sums, balls(bias), strict=True)]


def outputs(name: str, x: list[arb]) -> list[arb]:
    """What the exported module gives, in real numbers."""
    x = apply(NORM3, x) if name in ("before a Gemm", "on both sides") else x
    z = linear(W1, None if name == "behind MatMul" else B1, x)
    z = apply(NORM5, z) if name not in ("before a Gemm", "behind the activation") else z
    a = [v.tanh() for v in z]
    return linear(W2, B2, apply(NORM5, a) if name == "behind the activation" else a)


@pytest.mark.parametrize("name", FILES)
def test_the_folded_network_is_the_modules_but_for_one_rounding(name):
    nodes, tensors, axes = FILES[name]
    found = OnnxArchive(model(nodes, tensors, axes=axes), "f")
    assert found.reparameterised and found.activation == "tanh"
    assert found.names == ("0.weight", "0.bias", "2.weight", "2.bias")
    made = [found.read(key) for key in found.names]
    with ctx.workprec(BITS):
        for seed in range(3):
            x = balls(np.random.default_rng(seed).standard_normal(3))
            got = linear(made[2], made[3], [v.tanh() for v in linear(made[0], made[1], x)])
            for a, b in zip(got, outputs(name, x), strict=True):
                assert abs(a - b) < 1e-14 and abs(a - b).rad() < 1e-100


def nearest(exact: arb, found: float) -> bool:
    """Whether no other float64 is nearer."""
    gap = abs(exact - arb(found))
    return all(bool(gap < abs(exact - arb(float(np.nextafter(found, end))))) for end in (-np.inf, np.inf))


def test_every_folded_number_is_the_nearest():
    nodes, tensors, _ = FILES["on both sides"]
    found = OnnxArchive(model(nodes, tensors), "f")
    with ctx.workprec(BITS):
        unit = [[arb(int(i == j)) for i in range(3)] for j in range(3)]
        constant = apply(NORM5, linear(W1, B1, apply(NORM3, [arb(0)] * 3)))
        assert all(map(nearest, constant, found.read("0.bias").tolist()))
        for j in range(3):
            column = [a - b for a, b in zip(apply(NORM5, linear(W1, B1, apply(NORM3, unit[j]))), constant, strict=True)]
            assert all(map(nearest, column, found.read("0.weight")[:, j].tolist()))
        assert np.array_equal(found.read("2.weight"), W2) and np.array_equal(found.read("2.bias"), B2)


@given(st.fractions(min_value=Fraction(1, 10**40), max_value=10**40))
def test_inverse_root(q):
    root = inverse_root(q)
    # |root √q − 1| < ε follows from |root² q − 1| < ε
    assert abs(root * root * q - 1) < Fraction(1, 2**255)
    power = Fraction(2) ** (q.numerator % 99 - 49)
    assert inverse_root(power * power) == 1 / power


def test_equal_numbers_that_the_exporter_merged_and_constants():
    numbers = [np.ones(5, "f4"), np.zeros(5, "f4"), NORM5[2], np.ones(5, "f4")]
    nodes, tensors, _ = FILES["behind a Gemm"]
    want = OnnxArchive(model(nodes, {**ALL, **named(numbers)}), "f")
    twice = [node("Identity", ["n0"], "n3"), node("Constant", [], "n1", value=tensor("", numbers[1])), *nodes]
    found = OnnxArchive(model(twice, {**ALL, "n0": numbers[0], "n2": numbers[2]}), "f")
    assert all(np.array_equal(found.read(name), want.read(name)) for name in want.names)


def noted(weight: str, bias: str, note: bytes) -> bytes:
    return model([node("Gemm", ["x", weight, bias], "y", transB=1) + note], {weight: W1, bias: B1})


@pytest.mark.parametrize("weight, bias, note, marked", [
    ("0.weight", "0.bias", put(9, put(1, "pkg.onnxscript.rewriter.rule_name") + put(2, "FuseBatchNormIntoGemm")), True),
    ("0.weight", "0.weight_bias", b"", True), ("onnx::Gemm_12", "0.bias", b"", True),
    ("0.weight", "onnx::Gemm_7", b"", True), ("0.weight", "0.bias", b"", False), ("w", "b", b"", False),
    ("0.weight", "0.bias", put(9, put(1, "pkg.torch.onnx.stack_trace") + put(2, "BatchNorm")), False),
])
def test_what_an_exporter_folded_is_marked_where_it_shows(weight, bias, note, marked):
    assert OnnxArchive(noted(weight, bias, note), "f").reparameterised is marked


def test_a_transposed_weight_is_not_marked():
    content = model([node("MatMul", ["x", "onnx::MatMul_8"], "y")], {"onnx::MatMul_8": W1.T})
    assert not OnnxArchive(content, "f").reparameterised


def bad(numbers: list[np.ndarray] = NORM5, before: tuple[bytes, ...] = (gemm(1, "x", "a"),), **options) -> bytes:
    return model([*before, batch("a", "y", **options)], {**ALL, **named(numbers)})


def with_(place: int, array: np.ndarray) -> list[np.ndarray]:
    return [array if i == place else old for i, old in enumerate(NORM5)]


@pytest.mark.parametrize("content, words", [
    (bad(training_mode=1), "in training mode"), (bad(spatial=1), "in training mode, or of an old form"),
    (model([gemm(1, "x", "a"), batch("a", "y") + put(2, "mean")], {**ALL, **named(NORM5)}), "in training mode"),
    (model([gemm(1, "x", "a"), batch("a", "y")], {**ALL, **named(NORM5)}, opset=6), "of an old form"),
    (model([gemm(1, "x", "a"), node("Tanh", ["a"], "n0"), batch("a", "y")],
           {**ALL, **named(NORM5[1:], "m")}), "does not follow the operation before it"),
    (model([gemm(1, "x", "a"), batch("a", "y")], {**ALL, **named(NORM5[:3])}), "numbers are no stored tensors"),
    (model([node("MatMul", ["x", "w1"], "a"), batch("a", "y")], {"w1": W1.T, **named(NORM5)}), "of unknown shape"),
    (model([node("MatMul", ["x", "w1"], "a"), batch("a", "y")], {"w1": W1.T, **named(NORM5)}, axes=3), "unknown shape"),
    (model([batch("x", "a"), node("MatMul", ["a", "w1"], "y")], {"w1": W1.T, **named(NORM3)}), "of unknown shape"),
    (bad(norm(3)), "of 3 features beside 5 units"), (bad(with_(0, NORM3[0])), "with numbers of shapes"),
    (bad(with_(3, np.full(5, -1, "f4"))), "which has no real root"),
    (bad(with_(3, np.zeros(5)), epsilon=0.0), "variance . epsilon = 0.0"),
    (bad(with_(3, np.full(5, np.nan))), "variance of a BatchNorm in f, entry 0: nan"),
    (bad(with_(0, np.full(5, -np.inf))), "scale of a BatchNorm in f, entry 0: -inf"),
    (bad([np.full(5, 1e308), NORM5[1], NORM5[2], np.full(5, 1e-300)], epsilon=0.0), "too large for float64"),
    (bad(epsilon=1), "damaged"), (bad(before=(gemm(1, "x", "b"), batch("b", "a"))), "two BatchNorms in a row"),
    (bad(before=(gemm(1, "x", "b"), node("Tanh", ["b"], "a"))), "no linear layer beside it|tanh after the last"),
    (model([batch("x", "y")], named(NORM3)), "no linear layer"),
    (model([gemm(1, "x", "a"), batch("a", "w2"), gemm(2, "w2", "y")], {**ALL, **named(NORM5)}), "with the output w2"),
])
def test_refusals(content, words):
    with pytest.raises(InputError, match=words) as caught:
        OnnxArchive(content, "f")
    assert "\n" not in str(caught.value)
