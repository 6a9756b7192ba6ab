"""Readers of model and data files, and digests of the bytes they read.

Nothing in a file is ever executed: no pickle is opened, object arrays are refused by their header.
"""

from certify.inputs.data import (
    Data,
    load_data,
    load_evaluated,
    load_evaluation,
    load_intercepts,
    load_reference,
    read_data,
)
from certify.inputs.model import read_graph_network, read_network
from certify.inputs.scale import units
from certify.spec.sources import Digest, Source, read_source, recording, sha256_file

__all__ = [
    "Data", "Digest", "Source", "load_data", "load_evaluated", "load_evaluation", "load_intercepts", "load_reference",
    "read_data", "read_graph_network", "read_network", "read_source", "recording", "sha256_file",
    "units",
]
