"""Canonical JSON: one object, one byte string; the checker, written apart, agrees."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.certificate import canonical_bytes, digest, seal
from certify.format import canonical as checker
from certify.format.errors import CertificateError

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)


@given(objects)
def test_the_checker_has_the_same_canonical_form_and_digest(value):
    content = canonical_bytes(value)
    assert content == checker.encode(value)
    assert checker.decode(content, "f") == value
    assert digest(value) == checker.digest(value) == digest(seal(value))


@given(objects)
def test_round_trip_is_the_identity(value):
    content = canonical_bytes(value)
    again = json.loads(content)
    assert canonical_bytes(again) == content and again == value
    assert content.endswith(b"\n") and content.count(b"\n") == 1


@pytest.mark.parametrize("value, words", [
    (math.nan, "nan; write null"), (math.inf, "inf"), (2**53 + 1, "54 bits"), ({1: 2}, "the key 1"), ((1,), "a tuple"),
    ("\ud800", "lone surrogate"), ({"\ud800": 1}, "lone surrogate"), (b"x", "a bytes"), ({"a": [{"b": {3}}]}, "a set"),
])
def test_what_json_cannot_say_is_refused(value, words):
    with pytest.raises(CertificateError, match=words):
        canonical_bytes(value)


def test_refusal_names_the_member():
    with pytest.raises(CertificateError, match=r"certificate\.claims\[1\]\.upper: inf"):
        canonical_bytes({"claims": [{}, {"upper": math.inf}]})


def test_numpy_numbers_are_refused_rather_than_respelt():
    np = pytest.importorskip("numpy")
    with pytest.raises(CertificateError, match="float64"):
        canonical_bytes({"a": np.float64(0.5)})
