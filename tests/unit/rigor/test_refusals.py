"""What every `verify_` and `enclose_` must refuse, always with one line that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from certify.format.errors import CertifyError, EnclosureError, InputError
from certify.rigor import Enclosure, enclose_lambda_min, enclose_norm2, enclose_sigma_min, verify_positive_definite

KERNELS = pytest.mark.parametrize(
    "kernel", [verify_positive_definite, enclose_lambda_min, enclose_sigma_min, enclose_norm2],
    ids=lambda f: f.__name__,
)
SYMMETRIC = pytest.mark.parametrize(
    "kernel", [verify_positive_definite, enclose_lambda_min], ids=lambda f: f.__name__
)
GOOD = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])


def refused(call, *words: str) -> None:
    with pytest.raises(InputError) as info:
        call()
    message = str(info.value)
    assert "\n" not in message and message.count(";") >= 1
    assert all(word in message for word in words), message


@KERNELS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_nan_and_infinity_at_every_position(kernel, bad, dtype):
    for i in range(3):
        for j in range(3):
            A = GOOD.astype(dtype)
            A[i, j] = A[j, i] = bad
            refused(lambda A=A: kernel(A), f"[{min(i, j)}, {max(i, j)}]")
            refused(lambda A=A: kernel(GOOD, np.abs(A)), "radius")
    refused(lambda: kernel(GOOD, bad), "radius")


@KERNELS
@pytest.mark.parametrize("A", [
    np.zeros((0, 0)), np.zeros((0, 3)), np.zeros((3, 0)), np.ones(3), np.ones((2, 2, 2)), 1.0, [], None,
    np.eye(2) + 0j, np.eye(2, dtype=object), np.eye(2, dtype=bool), np.eye(2, dtype=np.longdouble),
    np.array([["1", "0"], ["0", "1"]]), np.array([[1, 2**53 + 1], [2**53 + 1, 1]]),
    np.array([[2**63 - 1]]), np.array([[2**64 - 1]], dtype=np.uint64), [[10**30, 0], [0, 1]],
    np.zeros((2, 2), dtype="datetime64[s]"), np.zeros((1, 1), dtype=[("a", float)]), "matrix", {"a": 1},
], ids=lambda A: f"{type(A).__name__} {getattr(A, 'dtype', '')} {getattr(A, 'shape', '')}")
def test_arrays_that_are_no_real_matrix(kernel, A):
    refused(lambda: kernel(A))


@SYMMETRIC
def test_matrices_that_are_not_square_or_symmetric(kernel):
    refused(lambda: kernel(np.ones((2, 3))), "square")
    A = GOOD.copy()
    A[0, 1] = np.nextafter(A[0, 1], 2)
    refused(lambda: kernel(A), "[0, 1]", "symmetric")


@KERNELS
@pytest.mark.parametrize("radius", [
    -1e-300, np.full((3, 3), -1.0), np.ones((2, 2)), np.ones(3), np.ones((3, 1)), np.ones((1, 3, 3)), True, 1j,
    "small", [[1.0]], np.full((3, 3), True), 2**60 + 1, np.float128(1) if hasattr(np, "float128") else 1j,
    np.zeros((0, 0)), [1.0, 2.0, 3.0],
], ids=repr)
def test_radii_that_are_none(kernel, radius):
    refused(lambda: kernel(GOOD, radius), "radius")


@KERNELS
def test_one_negative_entry_of_a_radius(kernel):
    for i in range(3):
        for j in range(3):
            radius = np.full((3, 3), 0.1)
            radius[i, j] = -0.1
            refused(lambda radius=radius: kernel(GOOD, radius), "negative")


def test_unknown_method():
    refused(lambda: verify_positive_definite(GOOD, method="hope"), "hope")


@KERNELS
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint32])
def test_what_float64_holds_exactly_is_accepted(kernel, dtype):
    A = GOOD.astype(dtype)
    before = A.copy()
    for form in (A, np.asfortranarray(A), A[::-1, ::-1], A.tolist()):
        kernel(form)
        kernel(form, np.zeros((3, 3), dtype=dtype))
    assert np.array_equal(A, before)


@KERNELS
def test_arguments_are_not_changed(kernel):
    A, R = GOOD.copy(), np.full((3, 3), 1e-3)
    A.flags.writeable = R.flags.writeable = False
    kernel(A, R)


@pytest.mark.parametrize("ends", [(1.0, 0.0), (np.nan, 1.0), (0.0, np.nan), (0.0, np.inf), (-np.inf, 0.0)])
def test_an_enclosure_has_finite_ends_in_order(ends):
    with pytest.raises(EnclosureError):
        Enclosure(*ends)
    assert tuple(Enclosure(1.0, 2.0)) == (1.0, 2.0)


def test_norms_beyond_the_largest_float_are_refused():
    with pytest.raises(CertifyError, match="rescale"):
        enclose_norm2(np.full((3, 3), 1.7e308))


def test_a_proof_in_a_condition():
    assert verify_positive_definite(GOOD)
    assert not verify_positive_definite(-GOOD)
