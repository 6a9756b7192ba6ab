"""Self-test of the floating-point environment that the rounding theorems assume (proofs/rounding.md, E0).

It cannot prove that the hardware and BLAS are right. It catches what is known to happen: another rounding mode,
a BLAS that multiplies in float32 or tf32, Strassen-like or emulated products whose error is only normwise, and
known wrong kernels. Its outcome is recorded in the certificate, and the checker repeats every claim in other
arithmetic.
"""

from __future__ import annotations

import math
import os
import platform
import sys
from functools import cache, lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from certify.format.errors import EnvironmentRefused
from certify.rigor import fp
from certify.rigor.fp import Array


def rounds_to_nearest() -> bool:
    """Whether binary64 additions round to nearest, ties to even, in scalars and in arrays."""
    one, half_ulp = np.ones(16), np.full(16, 2.0**-53)
    scalar = 1.0 + 2.0**-53 == 1.0 and (1.0 + 2.0**-52) + 2.0**-53 == 1.0 + 2.0**-51 and -1.0 - 2.0**-53 == -1.0
    array = bool((one + half_ulp == 1.0).all() and (-one - half_ulp == -1.0).all())
    return scalar and array and bool((one + 1.5 * half_ulp == 1.0 + 2.0**-52).all())


def flushes_to_zero() -> bool:
    """Whether subnormal results are flushed to zero (allowed: the bounds absorb it, R0)."""
    tiny = np.full(16, 2.0**-1022)
    return not bool((tiny * 0.5 > 0).all())


def uses_fma() -> bool:
    """Whether matrix products fuse multiply and add (allowed: R2 holds for any mix)."""
    a = 1.0 + 2.0**-30
    A = np.array([[1.0, a]] * 8)
    B = np.array([[-(1.0 + 2.0**-29)] * 8, [a] * 8])
    return bool((A @ B != 0.0).any())


def product_is_componentwise(size: int) -> bool:
    """Whether products of graded matrices meet the componentwise bound R2, and integer products are exact.

    A block of 2^90 beside small integers: a Strassen-like or emulated product smears the large block over the
    small entries, float32 and tf32 lose the integers' low bits.
    """
    rng = np.random.default_rng(20260101)
    A = rng.integers(-(2**20), 2**20, (size, size)).astype(np.float64)
    B = rng.integers(-(2**20), 2**20, (size, size)).astype(np.float64)
    AB, AA = _exact(A.astype(np.int64).tobytes(), B.astype(np.int64).tobytes(), size)
    if not (np.array_equal((A @ B).astype(np.int64), AB) and np.array_equal((A @ A.T).astype(np.int64), AA)):
        return False
    half = size // 2
    A[:half, :half] *= 2.0**90
    B[:half, half:] = 0.0
    B[half:, :half] = 0.0
    C = A @ B
    small = A[half:, half:] @ B[half:, half:]
    lower = A[half:, :half] @ B[:half, :half]
    return bool(np.array_equal(C[half:, half:], small) and np.array_equal(C[half:, :half], lower))


@lru_cache(maxsize=4)
def _exact(a: bytes, b: bytes, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`AB` and `AAᵀ` in int64; every partial sum is below 2^53, so any order must be exact.

    They take longer than all that is tested by them, and are the same every time.
    """
    A, B = (np.frombuffer(x, dtype=np.int64).reshape(size, size) for x in (a, b))
    return A @ B, A @ A.T


def self_test() -> dict[str, Any]:
    """Probe the environment and describe it.

    Returns:
        What was probed and the versions in use, ready for the certificate.

    Raises:
        EnvironmentRefused: if a probe contradicts the rounding model.

    >>> self_test()["rounding"]
    'to nearest'
    """
    _require_rounding()
    if not all(product_is_componentwise(size) for size in (64, 300)):
        raise EnvironmentRefused("self-test", "matrix products that break the componentwise error bound",
                                 "turn off emulated, float32, tf32 and Strassen-like products in BLAS")
    if math.nextafter(1.0, 2.0) != 1.0 + 2.0**-52 or math.fsum([1e16, 1.0, -1e16]) != 1.0:
        raise EnvironmentRefused("self-test", "a Python without exact nextafter or fsum", "use CPython 3.11 or later")
    import flint

    return {
        "rounding": "to nearest",
        "fma": uses_fma(),
        "products": "componentwise, integers exact",
        "unit_roundoff": fp.U,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python_flint": flint.__version__,
        "blas": _blas(),
        "machine": platform.machine(),
        "system": sys.platform,
    } | _changing()


@cache
def _tested() -> dict[str, Any]:
    """The whole self-test, once a process; a refusal is not remembered, so it is repeated."""
    return self_test()


def recorded() -> dict[str, Any]:
    """What a certificate records: the self-test, once a process, and what a thread can change, as it is now.

    Raises:
        EnvironmentRefused: if a probe contradicts the rounding model.
    """
    _require_rounding()
    return _tested() | _changing()


def _changing() -> dict[str, Any]:
    return {"flush_to_zero": flushes_to_zero(), "threads": os.environ.get("OPENBLAS_NUM_THREADS", "default")}


def require_sound(*arrays: Array | None) -> None:
    """Refuse to compute where the rounding theorems do not hold: cheap enough to precede every bound.

    The whole :func:`self_test` runs once a process. What a thread can change at any time, the rounding mode and
    flushing to zero, is probed at every call.

    Args:
        arrays: binary64 inputs; a thread that flushes would read their subnormal numbers as 0.

    Raises:
        EnvironmentRefused: if a probe contradicts the rounding model.
    """
    _require_rounding()
    _tested()
    if fp.flushes() and any(a is not None and fp.has_subnormal(a) for a in arrays):
        raise EnvironmentRefused("self-test", "subnormal numbers in network or data while this thread flushes them to "
                                 "zero", "turn flush-to-zero off, or rescale them")


def _require_rounding() -> None:
    if not rounds_to_nearest():
        raise EnvironmentRefused("self-test", "arithmetic that does not round to nearest",
                                 "do not change the rounding mode, and run on IEEE binary64 hardware")


def _blas() -> str:
    """Name and version of the BLAS that numpy was built with."""
    config = np.show_config(mode="dicts") or {}
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()
