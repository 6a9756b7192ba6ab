"""Estimates for networks too large to certify: numbers with their evidence, never proofs."""
