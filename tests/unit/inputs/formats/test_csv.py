"""Tables in text: every field is the double nearest to its decimal, or the refusal says where and what."""

from __future__ import annotations

import csv
import io
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify.format.errors import CertifyError, InputError
from certify.inputs import load_data
from certify.inputs.formats.csv_file import CsvArchive
from certify.spec import parse_spec
from tests.families.small import SPEC

TABLE = "age,sex,dose,y\n1,0,0.5,1\n2.5,1,1e-3,-1\n"
CSV = SPEC.replace("train.npz", "train.csv").replace('features = "X"\n', "")
WITH = CSV.replace('targets = "y"', 'features = {}\ntargets = "y"')


def read(folder, table=TABLE, spec=CSV):
    (folder / "train.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    return load_data(parse_spec(spec.encode()), folder)


def test_columns_by_default_and_by_list(tmp_path):
    data = read(tmp_path)
    assert data.names == ("age", "sex", "dose") and data.y.tolist() == [[1], [-1]]
    assert data.X.tolist() == [[1, 0, 0.5], [2.5, 1, 1e-3]] and data.X.dtype == np.float64
    data = read(tmp_path, TABLE.replace("age", '"a b"'), WITH.format('["dose", "a b", "sex"]'))
    assert data.names == ("dose", "a b", "sex") and data.X[1].tolist() == [1e-3, 2.5, 1]
    one = WITH.format('"dose"').replace("[3, 8, 1]", "[1, 8, 1]")
    assert read(tmp_path, spec=one).X.tolist() == [[0.5], [1e-3]]


def test_byte_order_mark_line_ends_quotes_and_text_that_nobody_asks_for(tmp_path):
    table = b"\xef\xbb\xbf" + b'"name","age",sex,dose,y\r\n"a, ""b""\nc", 1 ,"2",3.,.5\r\n'
    assert read(tmp_path, table, WITH.format('["age", "sex", "dose"]')).X.tolist() == [[1, 2, 3]]


def test_integers_are_labels(tmp_path):
    spec = CSV.replace("[3, 8, 1]", "[3, 8, 2]") + '[training]\nloss = "cross_entropy"\n'
    data = read(tmp_path, "a,b,c,y\n1,2,3,0\n4,5,6,1\n", spec)
    assert data.y is None and data.labels.tolist() == [0, 1]
    assert CsvArchive(b"a,b\n-0,1\n7,1.0\n", "f").read("a").dtype == np.int64
    assert CsvArchive(b"a\n9007199254740993\n", "f").read("a").tolist() == [2.0**53]


@pytest.mark.parametrize("table, parts", [
    (TABLE.replace("2.5", ""), ["column 'age' in data file", "row 1 (line 3): '', a missing value"]),
    (TABLE.replace("2.5", "NA"), ["'NA', a missing value"]),
    (TABLE.replace("2.5", "nan"), ["a missing value"]),
    (TABLE.replace("2.5", '"2,500"'), ["'2,500' is no decimal number", "without separators"]),
    (TABLE.replace("2.5", "male"), ["is no decimal number; only numbers can be read", "every category"]),
    (TABLE.replace("2.5", "2_5"), ["'2_5' is no decimal number"]),
    (TABLE.replace("2.5", "inf"), ["'inf', which is no finite number; correct it"]),
    (TABLE.replace("2.5", "-Infinity"), ["'-Infinity', which is no finite number; correct it"]),
    (TABLE.replace("2.5", "0x10"), ["'0x10' is no decimal number"]),
    (TABLE.replace("2.5", "٣"), ["is no decimal number"]),
    (TABLE.replace("2.5", "1e999"), ["'1e999' is beyond the range of doubles"]),
    (TABLE.replace("2.5", "2,5"), ["line 3: 5 fields, the header has 4"]),
    (TABLE + "\n", ["line 4: 0 fields", "remove the empty line"]),
    (TABLE.replace("sex", "age"), ["two columns are named 'age'"]),
    (TABLE.replace("age", ""), ["column 0 has no name"]),
    (TABLE.replace("age", "a\x07"), ["a column is named 'a\\x07'"]),
    ("age,sex,dose,y\n", ["empty: it has a header, and no row below it; give a header row"]),
    ("\n1\n", ["give a header row"]),
    ("1.5,2,3,4\n1,2,3,4\n", ["its first row holds numbers, not names"]),
    (TABLE.replace(",", ";"), ["separated by ';'; separate columns by commas"]),
    (b"a,\xff\n1,2\n", ["line 1: bytes that are not UTF-8"]),
    (TABLE.replace("dose", "Y2").replace("y\n", "z\n"), ["no column named 'y', which data.targets asks for"]),
    ("age,sex,y\n1,2,3\n", ["2 feature columns ('age', 'sex'), widths [3, 8, 1] need 3"]),
    ('a,b,c,y\n"1,2,3,4\n', ["not comma-separated values"]),
    (b"PK\x03\x04rest", ["a zip archive, not the .csv file"]),
])
def test_refusals(tmp_path, table, parts):
    with pytest.raises(InputError) as caught:
        read(tmp_path, table)
    assert "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize("gap", ["", "NA"])
def test_a_label_in_words_that_is_missing_is_named_by_its_row(gap):
    """It is no number that is asked for, and the first word is not to blame."""
    with pytest.raises(InputError) as caught:
        CsvArchive(f"age,bought\n1,yes\n2,no\n3,{gap}\n4,yes\n".encode(), "f").read_words("bought")
    assert str(caught.value) == (f"column 'bought' in f, row 2 (line 4): {gap!r}, where a label is missing; give every "
                                 "row its label, or leave the row out")


@pytest.mark.parametrize("features, words", [
    ('["age", "sex", "doze"]', "no column named 'doze'.*did you mean 'dose'"),
    ('["age", "sex", "sex"]', "column 'sex' is listed twice"), ('["age", "sex", "y"]', "column 'y' is the target too"),
])
def test_lists_of_columns(tmp_path, features, words):
    with pytest.raises(CertifyError, match=words):
        read(tmp_path, spec=WITH.format(features))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-10**20, 10**20, places=30),
                min_size=1, max_size=5))
def test_the_nearest_double(values):
    column = CsvArchive(("x\n" + "\n".join(str(v) for v in values) + "\n").encode(), "f").read("x")
    for value, stored in zip(values, column.tolist(), strict=True):
        error = abs(Fraction(str(value)) - Fraction(stored))
        for other in (math.nextafter(stored, math.inf), math.nextafter(stored, -math.inf)):
            assert math.isinf(other) or error <= abs(Fraction(str(value)) - Fraction(other))


def attempt(content: bytes) -> None:
    try:
        archive = CsvArchive(content, "data file d.csv")
        for name in archive.names:
            try:
                archive.read(name)
            except InputError as error:
                assert "\n" not in str(error)
    except InputError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=100) | st.text(st.sampled_from('a1,."\n\r;-e+ \t\0'), max_size=60).map(str.encode))
@example(b'a\n"' + b"1" * 200_000 + b'"\n')
@example(b"a\n" + b"1" * 5000 + b"\n")
def test_nothing_else_is_raised(content):
    attempt(content)


@given(st.lists(st.lists(st.text(max_size=4), min_size=2, max_size=2), min_size=2, max_size=4))
def test_any_table_of_text(rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    attempt(buffer.getvalue().encode("utf-8", "replace"))


def test_numbers_that_become_one_double_are_found():
    def merged(*fields: str):
        return CsvArchive("\n".join(("user", *fields, "")).encode(), "file").merged("user")

    for apart in (("7", "07", "7.0", "70e-1"), ("9007199254740992", "9007199254740994"), ("0.1", "0.1"), ("u1", "u2")):
        assert merged(*apart) is None
    for one in (("9007199254740992", "9007199254740993"), ("0.1", "0.10000000000000000001"), ("0", "1e-400"),
                ("0", "1e-9999999999999999999999")):
        assert merged("5", *one) == one


def test_names_are_read_as_they_are_written_and_numbered():
    table = CsvArchive(b'a,"who, then"\n1e3, 007 \n.5,7\n"+2",1e3\n0,1000\n0,007\n', "f")
    assert table.read_written("who, then").tolist() == ["007", "7", "1e3", "1000", "007"]
    content, groups = table.renumbered("who, then")
    assert content == b'a,"who, then"\n1e3,0\n.5,1\n+2,2\n0,3\n0,0\n' and groups == 4
    again = CsvArchive(content, "f")
    assert again.read("who, then").tolist() == [0, 1, 2, 3, 0] and again.read("a").tolist() == [1e3, 0.5, 2.0, 0.0, 0.0]
    assert again.renumbered("who, then") is None and CsvArchive(b"a\n7\n7.5\n7\n", "f").renumbered("a") is None
    assert CsvArchive(b"a\n9007199254740992\n9007199254740993\n", "f").renumbered("a") == (b"a\n0\n1\n", 2)
    assert CsvArchive(b"a\nx\0\nx\n", "f").renumbered("a") == (b"a\n0\n1\n", 2)
    with pytest.raises(InputError, match=r"row 1 \(line 3\): '', a missing value"):
        CsvArchive(b"a,b\n1,2\n,2\n", "f").read_written("a")
