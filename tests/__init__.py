"""Tests of certify: `unit` mirrors the package, `oracles` hold the exact truth, `families` draw the problems."""
