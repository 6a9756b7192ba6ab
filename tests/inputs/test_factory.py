"""A network made by the user's code: a plain chain is recognised, anything else named, and the spec states it too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from certify.format.errors import CertifyError, InputError, SpecError
from certify.inputs import read_network
from certify.inputs.torch.factory import Recognised, call_factory, require_file
from certify.spec import parse_spec
from tests.small import SPEC, write

CODE = '''
from torch import nn
L = nn.Linear
def good():
    print("noise")
    return nn.Sequential(L(3, 8), nn.Tanh(), L(8, 1))
def nested():
    return nn.Sequential(nn.Flatten(), nn.Sequential(L(3, 8), nn.Sequential(nn.Tanh(), nn.Dropout())), L(8, 1))
def slope(): return nn.Sequential(L(3, 8), nn.LeakyReLU(0.2), L(8, 1))
def approximate(): return nn.Sequential(L(3, 8), nn.GELU("tanh"), L(8, 1))
def beta(): return nn.Sequential(L(3, 8), nn.Softplus(beta=2), L(8, 1))
def alpha(): return nn.Sequential(L(3, 8), nn.ELU(alpha=0.5), L(8, 1))
def relu(): return nn.Sequential(L(3, 8), nn.ReLU(), L(8, 1))
def mixed(): return nn.Sequential(L(3, 8), nn.ReLU(), L(8, 8), nn.Tanh(), L(8, 1))
def conv(): return nn.Sequential(nn.Conv1d(1, 1, 3), nn.Tanh())
def number(): return 3
def shared():
    net = nn.Sequential(L(3, 3), nn.Tanh(), L(3, 3))
    net[2].weight = net[0].weight
    return net
def hooked():
    net = good()
    net[0].register_forward_hook(lambda *a: None)
    return net
class Own(nn.Sequential):
    def forward(self, x):
        return -super().forward(x)
class MyTanh(nn.Tanh):
    def forward(self, x):
        return x
def own(): return Own(L(3, 8), nn.Tanh(), L(8, 1))
def disguised(): return nn.Sequential(L(3, 8), MyTanh(), L(8, 1))
class Odd(Exception): pass
def raises(): raise RuntimeError("mine\\nand more")
def odd(): raise Odd
def leaves(): exit("bye")
def imports(): import no_such_module
'''
ADD = 'activation = "tanh"\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "certify_nets.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda name, spec=SPEC, folder=tmp_path: read_network(
        parse_spec(spec.replace(ADD, f'{ADD}factory = "{name if ":" in name else f"certify_nets:{name}"}"\n').encode()),
        write(folder).parent)
    sys.modules.pop("certify_nets", None)


def test_recognised(read, tmp_path, capsys):
    before = list(sys.path)
    network = read("good")
    assert network.widths == (3, 8, 1) and sys.path == before
    assert capsys.readouterr() == ("", "noise\n")


@pytest.mark.parametrize("name, words", [
    ("slope", "leaky_relu with negative_slope = 0.2"), ("approximate", "gelu with approximate = tanh"),
    ("beta", "softplus with beta = 2"), ("alpha", "elu with alpha = 0.5"),
    ("relu", 'is another network than .*; give widths = \\[3, 8, 1\\] and activation = "relu"'),
    ("mixed", "relu and tanh between linear layers"), ("conv", "Conv1d '0' is no part of"),
    ("number", "the callable returned a int"), ("shared", "two layers share"),
    ("hooked", "Linear '0' has hooks"), ("own", "Own is no part of"), ("disguised", "MyTanh '1' is no part of"),
    ("nested", "tensor '1.0.weight': the file has none, the module \\(8, 3\\)"),
    ("certify_nets:good2", "'certify_nets' has no callable 'good2'"), ("no_such_module:f", "no module 'no_such_mod"),
    ("os.system('x'):y", "no name of a callable in a module"),
])
def test_refusals(read, name, words):
    with pytest.raises(CertifyError, match=words) as caught:
        read(name)
    assert "\n" not in str(caught.value)


def test_widths_and_activation_must_be_stated_and_are_handed_over(read):
    with pytest.raises(SpecError, match='a checker runs no factory; add widths = .3, 8, 1. and activation = "tanh"'):
        read("good", SPEC.replace("widths = [3, 8, 1]\n", ""))


@pytest.mark.parametrize("name, words", [
    ("raises", "'raises' raised RuntimeError: mine .certify_nets.py, line 34.; correct that code"),
    ("odd", "'odd' raised Odd .certify_nets.py, line 35."), ("leaves", "'leaves' raised SystemExit: bye"),
    ("imports", "there is no module 'no_such_module'"),
])
def test_errors_of_the_user_s_code_are_one_line(read, name, words):
    with pytest.raises(SpecError, match=words) as caught:
        read(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code, words", [
    ("1 / 0", "importing 'certify_nets' raised ZeroDivisionError: division by zero"),
    ("a b\n", "raised SyntaxError: .* .certify_nets.py, line 1."),
])
def test_a_file_that_does_not_even_load(read, tmp_path, code, words):
    (tmp_path / "certify_nets.py").write_text(code)
    with pytest.raises(SpecError, match=words):
        read("good")


def test_out_of_memory_keeps_its_own_message(read, tmp_path):
    (tmp_path / "certify_nets.py").write_text("def good(): raise MemoryError")
    with pytest.raises(MemoryError):
        read("good")


def test_layers_in_another_order_than_their_names():
    shapes = {"2.weight": (3, 3), "0.weight": (3, 3)}
    found = Recognised(("2", "0"), (3, 3, 3), "tanh", shapes)
    with pytest.raises(InputError, match="not the natural order of their names; name them in the order of use"):
        require_file(found, shapes, ["0", "2"], "f")


def test_without_torch(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match="torch is not installed; pip install torch, or give"):
        call_factory("a:b", Path())
