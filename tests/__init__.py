"""Tests of certify: mirrors the package; `oracles` and `network_oracles` hold the exact truth."""
