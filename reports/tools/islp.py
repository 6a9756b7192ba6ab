"""Tables of the package ISLP, for `default`, `bikeshare` and `heads`: read from its wheel, nothing is installed.

    pip download ISLP==0.6.0 --no-deps        # islp-0.6.0-py3-none-any.whl
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import zipfile
from pathlib import Path

WHEEL = "islp-0.6.0-py3-none-any.whl"
DIGESTS = {
    "Caravan": "e89d49b6fb8fe02d76bb5bb80d8e0dab473bf9f6a72515e30c259f6d7da42269",
    "Default": "d113590204485565bdd692b2d8430e7c2fcc72ec323df92314a745c99a0eefe9",
    "Bikeshare": "ac6950ae6f11efcc69c29d6bb13e8881c001e27d36434660d59444a1414f712c",
}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table, by column; the wheel is ISLP_WHEEL or the file of its name in the current folder.

    Raises:
        SystemExit: no wheel, or a table that is not the one these reports are about.
    """
    wheel = Path(os.environ.get("ISLP_WHEEL", WHEEL))
    if not wheel.exists():
        raise SystemExit(f"{wheel} is not there; run `pip download ISLP==0.6.0 --no-deps`, or set ISLP_WHEEL")
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(f"ISLP/data/{name}.csv")
    if hashlib.sha256(data).hexdigest() != DIGESTS[name]:
        raise SystemExit(f"{name}.csv in {wheel} is another table than that of ISLP 0.6.0")
    return list(csv.DictReader(io.StringIO(data.decode())))
