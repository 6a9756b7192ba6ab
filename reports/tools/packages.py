"""Build wheel and sdist, install each into new environments, and do the main jobs there: audit, run, check.

    python reports/tools/packages.py [PYTHON …]        # default: the interpreters 3.11 to 3.13 that are on the path

No environment has torch; the last part installs the extra `sklearn` and audits the example of the README. Needs
`pip install build`. Prints a line for each step and stops at the first that fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "examples" / "breast-cancer"

LINEAR = """
import numpy as np, certify
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 2)); y = (X.sum(axis=1) > 0).astype(int)
problem = certify.from_arrays([[1.0, 1.0]], [0.0], X, y, loss="logistic", weight_decay=0.1)
found = certify.audit(problem, X[:5], ask="rows deleted")
assert found.answers[0].total == 5, found
np.savez("model.npz", coef=[[1.0, 1.0]], intercept=[0.0]); np.savez("train.npz", X=X, y=y)
import sys; assert "torch" not in sys.modules and "sklearn" not in sys.modules
"""


def done(what: str, *command: str | Path, cwd: Path) -> str:
    """Run a command, say so, and return what it printed."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    print(f"{what}: {'ok' if result.returncode == 0 else f'status {result.returncode}'}", flush=True)
    if result.returncode:
        sys.exit(result.stdout + result.stderr)
    return result.stdout


def tried(python: str, package: Path, folder: Path) -> None:
    """Install a package into a new environment and use it."""
    name = f"{Path(python).name}, {package.suffix.lstrip('.')}"
    done(f"{name}: environment", python, "-m", "venv", folder / "venv", cwd=folder)
    own = folder / "venv" / "bin" / "python"
    done(f"{name}: install", own, "-m", "pip", "install", "--quiet", package, cwd=folder)
    certify = folder / "venv" / "bin" / "certify"
    done(f"{name}: from Python", own, "-c", LINEAR, cwd=folder)
    done(f"{name}: audit", certify, "audit", "model.npz", "train.npz", "--loss", "logistic", "--weight-decay", "0.1",
         cwd=folder)
    done(f"{name}: check", certify, "check", "audit/certificate.json", cwd=folder)
    done(f"{name}: run", certify, "run", "audit/certify.toml", "-o", "again", cwd=folder)
    done(f"{name}: extra", own, "-m", "pip", "install", "--quiet", f"{package}[sklearn]", cwd=folder)
    said = done(f"{name}: the example", certify, "audit", PLACE / "model.skops", PLACE / "train.csv", "--eval",
                PLACE / "new.csv", "-o", "example", cwd=folder)
    assert "137 of 143 predictions proved to stay" in said, said


def main() -> None:
    """Every interpreter with the wheel, and the first with the sdist."""
    found = [path for version in ("3.11", "3.12", "3.13") if (path := shutil.which(f"python{version}")) and not (
        subprocess.run([path, "--version"], capture_output=True, check=False).returncode)]  # a shim may lead nowhere
    pythons = sys.argv[1:] or found
    with tempfile.TemporaryDirectory() as place:
        dist = Path(place) / "dist"
        done("build", sys.executable, "-m", "build", "-o", dist, ROOT, cwd=Path(place))
        wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
        for number, (python, package) in enumerate([*((python, wheel) for python in pythons), (pythons[0], sdist)]):
            folder = Path(place) / str(number)
            folder.mkdir()
            tried(python, package, folder)


if __name__ == "__main__":
    main()
