"""Files of torch.save, read without torch: right numbers, nothing executed, one line about everything else."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.inputs.model import widths_of
from certify.inputs.torch.pickled import Builder, read_pickle
from certify.inputs.torch.weights_file import TorchArchive
from tests.effort import examples

FILES = Path(__file__).parents[4] / "tests" / "families" / "files"
CONTENT = {path.name: path.read_bytes() for path in FILES.iterdir() if path.suffix in (".pt", ".pth")}


def archive(name: str) -> TorchArchive:
    return TorchArchive(CONTENT[name], "f")


def test_zip_and_sequence_of_pickles_and_wrappers():
    exact = archive("tanh.pt")
    assert exact.names == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert [exact.read(n).shape for n in exact.names] == [(8, 3), (8,), (1, 8), (1,)]
    half, brain = archive("half.pth"), archive("bfloat16.pt")
    assert half.names[0] == "module.0.weight" and brain.names == exact.names
    for name in exact.names:
        assert exact.read(name).dtype == np.float64
        assert np.array_equal(half.read(f"module.{name}"), exact.read(name).astype(np.float16))
        assert np.allclose(brain.read(name), exact.read(name), rtol=2**-8) and brain.read(name).dtype == np.float32
    assert widths_of(FILES / "half.pth") == [3, 8, 1]


def test_strides_and_parameters():
    found = archive("strided.pt")
    assert np.array_equal(found.read("0.weight"), np.arange(24.0).reshape(3, 8).T)
    assert np.array_equal(found.read("0.bias"), np.ones(8))


@pytest.mark.parametrize("name, words", [
    ("code.pt", "a pickle that calls os.getenv, which is code; .*nothing in it was executed"),
    ("code.pth", "a pickle that calls os.getenv, which is code"),
    ("module.pt", r"a whole module \(torch.nn.modules.container.Sequential\), which is code"),
    ("script.pt", "a TorchScript archive, which holds code"),
])
def test_code_is_refused_and_not_run(name, words, monkeypatch):
    def fail(*_):
        raise AssertionError("executed")

    for target in (os, "getenv"), (os, "system"), (pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"):
        monkeypatch.setattr(*target, fail)
    with pytest.raises(InputError, match=words):
        archive(name)


@pytest.mark.parametrize("name, words", [
    ("convolution.pt", r"'0.weight' has shape \(2, 1, 3, 3\), a convolution"),
    ("batch-norm.pt", "'1.running_mean' belongs to a BatchNorm; train without it"),
])
def test_other_layers_are_named(name, words):
    with pytest.raises(InputError, match=words):
        widths_of(FILES / name)


class Called:
    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def rebuilt(**change):
    """A torch file whose data.pkl is another pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(CONTENT["tanh.pt"])) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = change.get(name.rpartition("/")[2].partition(".")[0], old.read(name))
            if member is not None:
                new.writestr(name, member)
    return buffer.getvalue()


@pytest.mark.parametrize("content, words", [
    (b"", "not a file of torch.save"),
    (b"hello", "not a file of torch.save"),
    (pickle.dumps({"0.weight": [1.0]}, 2), "a pickle, but not one of torch.save"),
    (pickle.dumps(3, 2) * 5, "a pickle, but not one of torch.save"),
    (pickle.dumps(0x1950A86A20F9469CFC6C, 2), "a damaged pickle"),
    (CONTENT["half.pth"][:-1], "cut short or damaged"),
    (CONTENT["half.pth"] + b"\0", "cut short or damaged"),
    (CONTENT["tanh.pt"][:-1], "not a torch file, or damaged"),
    (rebuilt(data=pickle.dumps([1, 2])), "no state dict in it, but a list"),
    (rebuilt(data=pickle.dumps({"a": 1})), "no state dict in it, but a table of 'a'"),
    (rebuilt(data=pickle.dumps({"state_dict": {}})), "no state dict in it"),
    (rebuilt(data=pickle.dumps(Called(exec, "1"))), "calls builtins.exec"),
    (rebuilt(data=pickle.dumps({1, 2})), "instruction EMPTY_SET"),
    (rebuilt(data=b""), "a damaged pickle"),
    (rebuilt(data=b"\x80\x02(."), "a damaged pickle"),
    (rebuilt(data=b"\x80\x02}."), "a table of no array"),
    (rebuilt(data=b"\x80\x02R."), "a damaged pickle"),
    (rebuilt(byteorder=b"big"), "byte order of another machine"),
    (rebuilt(data=None), "not one of torch.save"),
])
def test_refusals(content, words):
    with pytest.raises(InputError, match=words) as caught:
        TorchArchive(content, "f")
    assert "\n" not in str(caught.value)


def test_agrees_with_pickle_on_plain_data():
    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
                        | st.binary(max_size=9),
                        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner)),
           st.integers(0, 5))
    def check(value, protocol):
        content = pickle.dumps(value, protocol)
        names = {"_codecs.encode": Builder(lambda text, _: text.encode("latin1")), "builtins.bytes": Builder(bytes),
                 "__builtin__.bytes": Builder(bytes)}
        assert read_pickle(io.BytesIO(content), "f", names, str) == value

    check()


def attempt(content: bytes) -> None:
    try:
        found = TorchArchive(content, "model file f.pt")
        for name in found.names:
            try:
                found.read(name)
            except InputError as error:
                assert "\n" not in str(error)
    except InputError as error:
        assert "\n" not in str(error)


@given(st.data())
@settings(max_examples=examples(300), deadline=None)
def test_damaged_files_raise_nothing_else(data):
    content = bytearray(CONTENT[data.draw(st.sampled_from(["tanh.pt", "half.pth", "strided.pt", "code.pth"]))])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(content))


PICKLED = zipfile.ZipFile(FILES / "tanh.pt").read("tanh/data.pkl")
instructions = st.sampled_from(
    [op.code.encode("latin-1") for op in pickletools.opcodes] + [PICKLED[i : i + 6] for i in range(len(PICKLED) - 6)])


@given(st.lists(instructions, max_size=25), st.integers(0, len(PICKLED)), st.booleans())
@settings(max_examples=examples(300))
def test_random_instructions_raise_nothing_else(chosen, at, whole):
    new = PICKLED[:at] + b"".join(chosen) + (PICKLED[at:] if whole else b".")
    attempt(rebuilt(data=new))
