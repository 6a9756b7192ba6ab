"""The self-test refuses machines on which the rounding theorems are false."""

from __future__ import annotations

import ctypes
import json
import platform
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest

import certify
from certify.format.errors import EnvironmentRefused, InputError
from certify.inputs.formats.csv_file import CsvArchive
from certify.inputs.numbers import exact_float64
from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.rigor import enclose_norm2, enclose_sigma_min, environment, verify_positive_definite

UPWARD = {"x86_64": 0x800, "AMD64": 0x800, "aarch64": 0x400000, "arm64": 0x400000}


def one_row(x=1.0):
    """A linear problem of one equation."""
    return certify.Problem(Network((np.ones((1, 1)),), (np.ones(1),), "identity"), np.array([[x]]), None, "features",
                           (0,))


class Multiplied(np.ndarray):
    """An array whose products go through :attr:`rule`."""

    rule = staticmethod(lambda A, B: A @ B)

    def __matmul__(self, other):
        plain = type(self).rule(np.asarray(self), np.asarray(other))
        return plain.view(type(self)) if plain.dtype == np.float64 else plain


def single(A, B):
    if A.dtype != np.float64:
        return A @ B
    return (A.astype(np.float32) @ B.astype(np.float32)).astype(np.float64)


def strassen(A, B):
    """One level; error bounds hold normwise only."""
    if A.dtype != np.float64 or A.shape[0] % 2:
        return A @ B
    h = len(A) // 2
    a, b, c, d = A[:h, :h], A[:h, h:], A[h:, :h], A[h:, h:]
    e, f, g, i = B[:h, :h], B[:h, h:], B[h:, :h], B[h:, h:]
    p1, p2, p3, p4 = a @ (f - i), (a + b) @ i, (c + d) @ e, d @ (g - e)
    p5, p6, p7 = (a + d) @ (e + i), (b - d) @ (g + i), (a - c) @ (e + f)
    return np.block([[p5 + p4 - p2 + p6, p1 + p2], [p3 + p4, p1 + p5 - p3 - p7]])


def fixed_point(A, B):
    """Rows scaled to 55-bit integers, as emulated products do."""
    if A.dtype != np.float64:
        return A @ B
    scale = np.ldexp(1.0, 55 - np.frexp(np.abs(A).max())[1])
    return np.rint(A * scale) / scale @ (np.rint(B * (s := np.ldexp(1.0, 55 - np.frexp(np.abs(B).max())[1]))) / s)


class Source:
    """A generator whose integers are arrays with another product."""

    def __init__(self, kind):
        self.rng, self.kind = np.random.Generator(np.random.PCG64(1)), kind

    def integers(self, *args):
        return self.rng.integers(*args).view(self.kind)


@pytest.mark.parametrize("rule", [single, strassen, fixed_point])
def test_products_that_break_the_bound_are_refused(rule):
    kind = type("Kind", (Multiplied,), {"rule": staticmethod(rule)})
    with patch("numpy.random.default_rng", lambda *_: Source(kind)):
        with pytest.raises(EnvironmentRefused, match="componentwise"):
            environment.self_test()


def test_honest_products_pass_the_same_door():
    with patch("numpy.random.default_rng", lambda *_: Source(Multiplied)):
        assert environment.product_is_componentwise(64)


def test_another_rounding_mode_is_refused():
    libm = ctypes.CDLL(None)
    before = libm.fegetround()
    assert libm.fesetround(UPWARD[platform.machine()]) == 0
    try:
        nearest = environment.rounds_to_nearest()
    finally:
        libm.fesetround(before)
    assert not nearest and environment.rounds_to_nearest()


def test_the_report_is_plain_data():
    found = environment.self_test()
    assert json.loads(json.dumps(found)) == found
    assert {"rounding", "flush_to_zero", "fma", "numpy", "python_flint", "blas"} <= set(found)


def test_bounds_from_python_are_refused_on_such_machines(monkeypatch):
    monkeypatch.setattr(environment, "_tested", cache(environment._tested.__wrapped__))
    honest = environment.product_is_componentwise
    monkeypatch.setattr(environment, "product_is_componentwise", lambda size: False)
    for _ in range(2):  # a refusal is not forgotten
        with pytest.raises(EnvironmentRefused, match="componentwise"):
            certify.bound(one_row(), "modulus")
    monkeypatch.setattr(environment, "product_is_componentwise", honest)
    assert certify.bound(one_row(), "modulus").upper is not None


def test_the_whole_test_runs_once_and_the_rounding_mode_is_probed_every_time(monkeypatch):
    monkeypatch.setattr(environment, "_tested", cache(environment._tested.__wrapped__))
    sizes = []
    monkeypatch.setattr(environment, "product_is_componentwise", lambda size: sizes.append(size) or True)
    for _ in range(3):
        certify.bound(one_row(), "modulus")
    assert sizes == [64, 300]
    libm = ctypes.CDLL(None)
    before = libm.fegetround()
    assert libm.fesetround(UPWARD[platform.machine()]) == 0
    try:
        with pytest.raises(EnvironmentRefused, match="round to nearest"):
            certify.bound(one_row(), "modulus")
    finally:
        libm.fesetround(before)


def test_subnormal_data_are_refused_where_they_would_be_flushed(monkeypatch):
    tiny = one_row(x=5e-324)
    assert certify.bound(tiny, "modulus").upper is not None
    monkeypatch.setattr(environment.fp, "flushes", lambda: True)
    assert certify.bound(one_row(), "modulus").upper is not None
    with pytest.raises(EnvironmentRefused, match="subnormal numbers in network or data"):
        certify.bound(tiny, "modulus")


ON_LINUX = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux", reason="the layout of fenv_t"
)


@contextmanager
def flushing():
    """This thread takes subnormal numbers for 0 and flushes to 0, as libraries built for speed leave it (x86-64)."""
    libm, saved, changed = ctypes.CDLL(None), (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(saved)
    libm.fegetenv(changed)
    changed[7] |= 0x8040  # the control word of the vector unit
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(saved)


@ON_LINUX
def test_rows_told_apart_by_subnormals_are_not_equal_on_a_thread_that_flushes():
    """They were taken for equal rows, and a problem built there was refuted elsewhere."""
    rows = np.array([[5e-324, 1.0], [0.0, 1.0], [-0.0, 1.0], [-5e-324, 1.0]])
    net = Network((np.ones((1, 2)),), (None,), "identity")
    with flushing():
        assert environment.fp.flushes()
        problem = certify.Problem(net, rows, None, "targets", (0, 1, 2, 3))
        two = certify.Problem(net, rows[[0, 3]], None, "targets", (0, 1))
        with pytest.raises(EnvironmentRefused):
            certify.bound(two, "modulus")
        with pytest.raises(InputError, match="different targets"):
            certify.Problem(net, rows[[1, 2]], rows[:2, :1], "targets", (0,), base="nearby", merge_duplicates=True)
    assert not environment.fp.flushes()
    assert problem.groups == ((1, 2),) and two.groups == ()
    assert not certify.bound(two, "modulus").refuted


@ON_LINUX
def test_a_subnormal_change_or_reference_row_is_refused_on_a_thread_that_flushes():
    """A change of 1e-310 was taken for none, and the proved upper end of its distance was 0."""
    net, x, small = Network((np.ones((1, 2)),), (None,), "identity"), np.ones((1, 2)), np.array([[1e-310, 0.0]])
    given = certify.Problem(net, x, None, "features", (0,), set="given", change=small)
    seen = certify.Problem(net, x, None, "features", (0,), weight_norm="function", reference=Reference(small, 0.5))
    assert certify.bound(given, "first_order_distance").upper >= 1e-310 / 2
    with flushing():
        for problem, quantity in ((given, "first_order_distance"), (given, "distance"), (seen, "modulus")):
            with pytest.raises(EnvironmentRefused, match="subnormal"):
                certify.bound(problem, quantity)


@ON_LINUX
def test_float32_below_its_normal_range_is_not_read_as_zero_on_a_thread_that_flushes():
    """Widened to float64 it would be a normal number; the conversion itself made it 0, outside every enclosure."""
    small = np.array([[1e-40]], np.float32)
    table = CsvArchive(b"x,y\n-1e-310,0.0\n0e5,-0\n", "data.csv")
    for array in (small, small.astype(">f4"), small.astype(np.float64), np.array([[1e-7]], np.float16)):
        assert enclose_norm2(array).upper >= float(array[0, 0]) == exact_float64(array, "x")[0, 0]
    assert table.read("x")[0] == -1e-310
    with flushing():
        for array in (small, small.astype(">f4"), -small, np.array([[5e-324]])):
            for kernel in (enclose_norm2, enclose_sigma_min, verify_positive_definite):
                with pytest.raises(EnvironmentRefused, match="subnormal"):
                    kernel(array)
                with pytest.raises(EnvironmentRefused, match="subnormal"):
                    kernel(np.eye(1), array)
            with pytest.raises(EnvironmentRefused, match="x: .*subnormal"):
                exact_float64(array, "x")
        half = np.array([[1e-7]], np.float16)  # subnormal, but widened without arithmetic
        assert 1.1e-7 < enclose_sigma_min(half).upper < 1.2e-7 and 1.1e-7 < exact_float64(half, "x")[0, 0] < 1.2e-7
        with pytest.raises(EnvironmentRefused, match="row 0.*subnormal"):
            table.read("x")
        assert table.read("y").tolist() == [0, 0]


def test_what_is_recorded_is_tested_once_and_what_a_thread_can_change_every_time(monkeypatch):
    monkeypatch.setattr(environment, "_tested", cache(environment._tested.__wrapped__))
    sizes = []
    monkeypatch.setattr(environment, "product_is_componentwise", lambda size: sizes.append(size) or True)
    first = environment.recorded()
    assert first == environment.self_test() and sizes == [64, 300] * 2
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "77")
    monkeypatch.setattr(environment, "flushes_to_zero", lambda: True)
    assert environment.recorded() == first | {"threads": "77", "flush_to_zero": True} and sizes == [64, 300] * 2
    monkeypatch.setattr(environment, "rounds_to_nearest", lambda: False)
    with pytest.raises(EnvironmentRefused, match="round to nearest"):
        environment.recorded()
