from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify import algorithm_1
from certify.cli.main import main
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, 4, 1]
activation = "tanh"
[data]
file = "train.npz"
features = "X"
[solution]
map = "interpolation"
[perturbation]
parameter = "features"
set = "{set}"
{more}
"""


def network(seed: int) -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((4, 2)), rng.standard_normal((1, 4))), (None, None), "tanh")
    return net, rng.standard_normal((3, 2)), 1e-3 * rng.standard_normal((3, 2))


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_lies_in_what_is_proved_and_members_solve_the_equations(seed):
    from certify.prove.linearised import matrices

    net, X, u = network(seed)
    problem = Problem(net, X, None, "features", (0, 1, 2), set="given", change=u)
    found = algorithm_1(problem, members=4, seed=seed)
    first, whole = found.proved
    assert first.lower * (1 - 1e-9) <= found.stability <= first.upper * (1 + 1e-9)
    assert whole.upper is None or abs(whole.upper - found.stability) <= 0.2 * found.stability  # a small step
    G_w, G_u = matrices(problem)
    for v in (found.shortest, *found.members):
        assert np.abs(G_w @ v + G_u @ u.ravel()).max() <= 1e-9
        assert np.linalg.norm(v) >= found.stability * (1 - 1e-12)
    assert len(found.members) == 4 and np.ptp(np.linalg.norm(found.members, axis=1)) > 0


def test_the_papers_toy():
    torch = pytest.importorskip("torch")

    class Toy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))

        def forward(self, x):
            return self.w[0] * self.w[1] * x

    X, y = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
    problem = Problem.from_module(Toy().eval(), X, y, loss="squared", map="critical")
    found = algorithm_1(problem, np.array([[-0.2], [-0.4]]), [0, 1], members=5)
    assert abs(found.stability - 2 * 5**0.5 / 25) < 1e-9  # 0.17889, printed 0.1746
    assert all(abs(v - found.shortest) @ np.array([1.0, 1.0]) > 0 for v in found.members)
    # members differ along the kernel (1, −2)
    assert all(abs((v - found.shortest) @ np.array([2.0, 1.0])) < 1e-8 for v in found.members)
    assert found.proved == () and "estimated" in found.as_lines()[0]


def test_one_command(tmp_path, capsys):
    net, X, u = network(1)
    save_file({f"{2 * k}.weight": W for k, W in enumerate(net.weights)}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "train.npz", X=X, u=u)
    spec = tmp_path / "certify.toml"
    spec.write_text(SPEC.format(set="given", more='file = "train.npz"\narray = "u"'))
    assert main(["algorithm1", str(spec), "--members", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rigour"] == "estimated" and len(said["members"]) == 2
    assert [b["quantity"] for b in said["proved"]] == ["first_order_distance", "distance"]
    assert said["proved"][0]["lower"] * (1 - 1e-9) <= said["stability"] <= said["proved"][0]["upper"] * (1 + 1e-9)
    assert main(["algorithm1", str(spec)]) == 0
    assert "distance (proved, Q7)" in capsys.readouterr().out
    spec.write_text(SPEC.format(set="total", more=""))
    assert main(["algorithm1", str(spec)]) == 2
    assert 'set = "given"' in capsys.readouterr().err


@pytest.mark.parametrize(("call", "said"), [
    (lambda p: algorithm_1(p, members=-1), "members: -1"),
    (lambda p: algorithm_1(p, u=np.zeros((1, 2))), "a change beside"),
    (lambda p: algorithm_1(Problem(p.network, p.X, None, "features", (0,))), "set total"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    net, X, u = network(0)
    with pytest.raises(InputError, match=said):
        call(Problem(net, X, None, "features", (0, 1, 2), set="given", change=u))
