"""What is written as TOML is read back as it was."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from certify.spec.text.toml_text import document_text, spec_text

VALUES = st.recursive(
    st.booleans() | st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(
        st.characters(blacklist_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.dictionaries(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=6), VALUES, min_size=1,
                       max_size=4), st.text(max_size=20))
def test_a_table_is_read_back_as_it_was(table, comment):
    try:
        comment.encode()
    except UnicodeEncodeError:
        return
    assert tomllib.loads(spec_text([comment], {"t": table}, [table])) == {"version": 1, "t": table, "gate": [table]}


@given(st.dictionaries(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=6),
                       VALUES | st.dictionaries(st.text("ab ", min_size=1, max_size=3), VALUES, min_size=1, max_size=2),
                       max_size=4))
def test_a_document_is_read_back_as_it_was(document):
    assert tomllib.loads(document_text(document)) == document
